"""Whoever takes one picture and leaves must get away: closing a busy decoder once hung forever."""

import subprocess
import sys

import pytest

SCRIPT = """
import torch
from hwcodec import (ConstantQp, EncoderSettings, Picture, PictureGeometry, YUV420P8,
                     decode, encode)
torch.manual_seed(0)
pictures = [Picture((torch.randint(0, 255, (512, 512), dtype=torch.uint8),), YUV420P8, i)
            for i in range(10)]
geometry = PictureGeometry(YUV420P8, 512, 512)
stream = encode(pictures, EncoderSettings("%s", geometry, ConstantQp(24)))
for turn in range(15):
    for picture in decode(stream, thread_count=%d):
        if picture.pts == turn %% 4:
            break
"""


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("encoder", ["libx264", "libx265"])
def test_stopping_early_never_hangs(encoder, threads) -> None:
    # In a process of its own, because a hang could not be interrupted.
    subprocess.run([sys.executable, "-c", SCRIPT % (encoder, threads)], check=True, timeout=120)
