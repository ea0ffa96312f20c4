"""QR codes for a terminal: a reader reads them, and a missing library is told."""

import sys

import cv2
import numpy as np
import pytest

from hwcodec import BackendUnavailable
from render.qr import qr_text

LIGHT = {" ": (0, 0), "\u2580": (1, 0), "\u2584": (0, 1), "\u2588": (1, 1)}  # upper, lower half


def picture(text: str) -> np.ndarray:
    """What a dark terminal shows: light half blocks, eight pixels to a module."""
    lines = [np.array([LIGHT[mark] for mark in line]).T for line in text.splitlines()]
    modules = np.concatenate(lines).astype(np.uint8) * 255
    return np.pad(np.kron(modules, np.ones((8, 8), np.uint8)), 32, constant_values=255)


@pytest.mark.parametrize("address", ["http://192.168.1.17:8000/", "http://10.0.0.1:65535/"])
def test_a_reader_reads_the_address(address) -> None:
    pytest.importorskip("segno", reason="segno: the extra qr is not installed")
    read, *_ = cv2.QRCodeDetector().detectAndDecode(picture(qr_text(address)))
    assert read == address


def test_the_lines_fit_a_usual_terminal() -> None:
    pytest.importorskip("segno", reason="segno: the extra qr is not installed")
    lines = qr_text("http://255.255.255.255:65535/").splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len(lines) <= 24
    assert len(lines[0]) <= 80


def test_without_the_library_its_extra_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "segno", None)
    with pytest.raises(BackendUnavailable, match=r"\[qr\]"):
        qr_text("http://127.0.0.1/")
