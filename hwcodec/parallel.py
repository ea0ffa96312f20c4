"""Several streams decoded at once, their pictures handed out in order, with bounded memory.

One stream keeps one decoding engine busy, and a GPU may have seven; groups are independent, so they
are dealt out to sessions in turn.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from queue import Full, Queue

import torch

from hwcodec.errors import BitstreamError
from hwcodec.surfaces import StreamOrder
from hwcodec.types import Bitstream, Picture

MOST_SESSIONS = 16
# Pictures that wait to be taken, over all sessions; enough for seven groups of 24 pictures of
# 2048x1536 at 8 bits.
_WAITING_BYTES = 512 << 20
_POLL_S = 0.05

Session = Callable[[Iterable[Bitstream]], Iterator[tuple[int, Picture]]]
Hand = Callable[[], Bitstream | None]


def decode_in_turn(
    bitstreams: Iterable[Bitstream], session: Session, count: int, device: torch.device
) -> Iterator[tuple[int, Picture]]:
    """Yield (number of the bitstream, picture) in order, decoded by ``count`` sessions at once.

    ``session`` decodes what it is fed, one bitstream after another, and is called once in each
    thread. Bitstreams are asked for as the sessions get to them, from one thread at a time.

    Raises:
        HwcodecError: what a session or ``bitstreams`` raises, when its turn comes.
    """
    dealer = _Dealer(bitstreams, count)
    first = dealer.stream(0)
    if first is None:
        return
    room = _room(first, count)
    workers = [_Worker(session, device, partial(dealer.hand, k), room) for k in range(count)]
    order = StreamOrder(device, on_default=True)
    try:
        number = 0
        while (stream := dealer.stream(number)) is not None:
            for _ in stream.packets:
                picture = workers[number % count].take()
                order.hand_over(picture.planes)
                yield number, picture
            dealer.forget(number)
            number += 1
    finally:
        dealer.close()
        for worker in workers:
            worker.stop()


def _room(first: Bitstream, count: int) -> int:
    """How many pictures one session may be ahead of whoever takes them."""
    size = first.width * first.height * (1 if first.format.bit_depth == 8 else 2)
    return max(2, _WAITING_BYTES // (count * size))


class _Dealer:
    """Deals bitstreams out in turn, one to each session, as far as any of them has come."""

    def __init__(self, bitstreams: Iterable[Bitstream], count: int) -> None:
        self._source, self._count = iter(bitstreams), count
        self._lock = threading.Lock()
        self._dealt: dict[int, Bitstream] = {}
        self._known = 0
        self._handed = [0] * count
        self._is_ended = False
        self._error: BaseException | None = None

    def stream(self, number: int) -> Bitstream | None:
        """The bitstream of that number, or None after the last.

        Raises:
            BaseException: what the source raised in its place.
        """
        with self._lock:
            self._advance(number)
            if number < self._known:
                return self._dealt[number]
        if self._error is not None:
            raise self._error
        return None

    def hand(self, worker: int) -> Bitstream | None:
        """The next bitstream for one session, or None when there are no more."""
        number = self._handed[worker] * self._count + worker
        self._handed[worker] += 1
        with self._lock:
            self._advance(number)
            return self._dealt[number] if number < self._known else None

    def forget(self, number: int) -> None:
        """Let go of a bitstream that has been decoded and handed out."""
        with self._lock:
            self._dealt.pop(number, None)

    def close(self) -> None:
        """Ask for nothing more."""
        with self._lock:
            self._is_ended = True

    def _advance(self, number: int) -> None:
        while self._known <= number and not self._is_ended:
            try:
                stream = next(self._source, None)
            except BaseException as error:  # noqa: BLE001 -- raised again when its turn comes
                stream, self._error = None, error
            if stream is None:
                self._is_ended = True
                return
            self._dealt[self._known] = stream
            self._known += 1


class _Worker:
    """A thread with a session of its own."""

    def __init__(self, session: Session, device: torch.device, hand: Hand, room: int) -> None:
        self._session, self._device, self._hand = session, device, hand
        self._outbox: Queue[Picture | BaseException] = Queue(room)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="hwcodec-session", daemon=True)
        self._thread.start()

    def take(self) -> Picture:
        """The next picture, as soon as it is there."""
        found = self._outbox.get()
        if isinstance(found, BaseException):
            raise found
        return found

    def stop(self) -> None:
        """End the thread, whatever it is doing."""
        self._stopped.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            with _current(self._device):
                for _, picture in self._session(self._streams()):
                    self._put(picture)
                    if self._stopped.is_set():
                        return
            # Taken only by somebody who is still owed a picture, and would wait for it forever.
            self._put(BitstreamError("session ended before its last picture; decode it again"))
        except BaseException as error:  # noqa: BLE001 -- raised again where it is waited for
            self._put(error)

    def _streams(self) -> Iterator[Bitstream]:
        while not self._stopped.is_set() and (stream := self._hand()) is not None:
            yield stream

    def _put(self, found: Picture | BaseException) -> None:
        while not self._stopped.is_set():
            with suppress(Full):
                self._outbox.put(found, timeout=_POLL_S)
                return


def _current(device: torch.device) -> AbstractContextManager[object]:
    """Make a CUDA device the thread's own; threads start on device 0."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()
