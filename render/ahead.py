"""Work done ahead of whoever takes its results, in a thread of its own, with bounded memory.

Stages of playback are chained like this, so that decoding, building fields and drawing overlap; on
a CUDA device each stage has a stream of its own, and results are ordered against the taker's.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import Generic, Self, TypeVar

import torch

from hwcodec.surfaces import StreamOrder

Item = TypeVar("Item")

_POLL_S = 0.05


class _End:
    """What stands in the queue behind the last result."""


class Ahead(Iterator[Item], Generic[Item]):
    """An iterator whose results are made before they are asked for, ``capacity`` at most.

    ``tensors`` names the device tensors of a result, which must live until the taker's stream has
    read them. What the source raises comes in its turn. Close it, or use it in a ``with`` block.
    """

    def __init__(
        self,
        source: Iterable[Item],
        capacity: int,
        *,
        device: str = "cpu",
        tensors: Callable[[Item], list[torch.Tensor]] = lambda _: [],
    ) -> None:
        self._source, self._tensors = source, tensors
        self._made: Queue[Item | BaseException | _End] = Queue(capacity)
        self._order = StreamOrder(torch.device(device))
        self._is_stopped = threading.Event()
        self._is_ended = False
        self._thread = threading.Thread(target=self._work, name="render-ahead", daemon=True)
        self._thread.start()

    @property
    def ready_count(self) -> int:
        """How many results could be taken without waiting."""
        return self._made.qsize()

    def __next__(self) -> Item:
        """The next result, as soon as it is there."""
        if self._is_ended:
            raise StopIteration
        while True:
            with suppress(Empty):
                return self._given(self._made.get(timeout=_POLL_S))
            if not self._thread.is_alive() and self._made.empty():
                self._is_ended = True
                raise StopIteration

    def close(self) -> None:
        """Stop working ahead, wait for the thread, and let go of what is ready."""
        self._is_stopped.set()
        self._is_ended = True
        while self._thread.is_alive():
            with suppress(Empty):
                self._made.get_nowait()
            self._thread.join(_POLL_S)
        while not self._made.empty():
            self._made.get_nowait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _given(self, found: Item | BaseException | _End) -> Item:
        if isinstance(found, _End):
            self._is_ended = True
            raise StopIteration
        if isinstance(found, BaseException):
            self._is_ended = True
            raise found
        self._order.hand_over(self._tensors(found))
        return found

    def _work(self) -> None:
        try:
            with self._order.working():
                for item in self._source:
                    if not self._put(item):
                        break
            self._put(_End())
        except BaseException as error:  # noqa: BLE001 -- raised again where it is waited for
            self._put(error)
        finally:
            close = getattr(self._source, "close", None)
            if close is not None:
                close()

    def _put(self, found: Item | BaseException | _End) -> bool:
        while not self._is_stopped.is_set():
            with suppress(Full):
                self._made.put(found, timeout=_POLL_S)
                return True
        return False
