"""Keeps encoders from turning this process into a real-time one.

SVT-AV1, opened by root, gives the thread that opens it the policy SCHED_FIFO at priority 99, before
it starts its own threads. All of them inherit that, and so does every thread and child process that
the caller starts later: a browser or a second encoder then starves the rest of the machine.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_TASKS = Path("/proc/self/task")


@contextmanager
def ordinary_scheduling() -> Iterator[None]:
    """Give every thread that the body raises or starts the policy that the caller had before.

    Threads that had another policy of their own when the body began keep it. Does nothing on
    systems without Linux's schedulers.
    """
    if not _TASKS.is_dir():
        yield
        return
    before = _policies()
    own = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        for thread, policy in _policies().items():
            if policy != before.get(thread, own[0]):
                _restore(thread, before.get(thread, own[0]), own[1])


def _policies() -> dict[int, int]:
    found = {}
    for task in _TASKS.iterdir():
        with suppress(OSError):  # The thread may have ended since it was listed.
            found[int(task.name)] = os.sched_getscheduler(int(task.name))
    return found


def _restore(thread: int, policy: int, parameters: os.sched_param) -> None:
    real_time = {os.SCHED_FIFO, os.SCHED_RR}
    # A priority is a real-time thread's; the others know none but 0.
    wanted = parameters if policy in real_time else os.sched_param(0)
    with suppress(OSError):  # As above; and lowering one's own policy needs no permission.
        os.sched_setscheduler(thread, policy, wanted)
