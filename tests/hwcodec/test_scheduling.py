import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hwcodec.backends.scheduling import ordinary_scheduling

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="schedulers: Linux has them, this system does not"
)

# Policies of all threads, before and after, as the encoder really leaves them.
_CHILD = """
import os, sys
from fractions import Fraction
import torch
from hwcodec import YUV420P8, ConstantQp, EncoderSettings, Picture, PictureGeometry, encode
from hwcodec.registry import capabilities

def policies():
    return {os.sched_getscheduler(int(task)) for task in os.listdir("/proc/self/task")}

before = policies()
encoder = sys.argv[1]
if encoder == "probe":
    capabilities("ffmpeg")
else:
    geometry = PictureGeometry(YUV420P8, 64, 64, Fraction(30))
    luma = torch.full((64, 64), 90, dtype=torch.uint8)
    pictures = [Picture((luma,), YUV420P8, pts) for pts in range(3)]
    encode(pictures, EncoderSettings(encoder, geometry, ConstantQp(30)))
print(before == policies(), os.sched_getscheduler(0) == 0)
"""


@pytest.mark.parametrize("encoder", ["probe", "libsvtav1", "libx264", "libx265"])
def test_no_encoder_leaves_a_thread_with_real_time_priority(encoder: str) -> None:
    child = subprocess.run(
        [sys.executable, "-c", _CHILD, encoder],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert child.stdout.split() == ["True", "True"], child.stderr


def may_raise_priority() -> bool:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        return False
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return True


def raise_priority_and_fail() -> None:
    with ordinary_scheduling():
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99))
        raise ValueError("inside")


def test_a_body_that_raises_its_own_priority_is_set_back_even_after_an_error() -> None:
    if not may_raise_priority():
        pytest.skip("real-time priority: only root may take it")
    with pytest.raises(ValueError, match="inside"):
        raise_priority_and_fail()
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_threads_that_the_body_started_are_set_back_too() -> None:
    if not may_raise_priority():
        pytest.skip("real-time priority: only root may take it")
    stop = threading.Event()
    with ordinary_scheduling():
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99))
        thread = threading.Thread(target=stop.wait)
        thread.start()
    try:
        assert thread.native_id is not None
        assert os.sched_getscheduler(thread.native_id) == os.SCHED_OTHER
    finally:
        stop.set()
        thread.join()
