"""Measures what the layers below make: quality, size and time, with the origin of each number."""

from benchmarks.metrics import (
    PSNR_CAP_DB,
    mean,
    psnr,
    psnr_foreground,
    ssim,
    temporal_psnr,
)
from benchmarks.provenance import Commit, Environment, Machine, environment
from benchmarks.results import (
    Origin,
    Quality,
    RatePoint,
    Result,
    ResultError,
    Timing,
    read_result,
    write_result,
)

__all__ = [
    "PSNR_CAP_DB",
    "Commit",
    "Environment",
    "Machine",
    "Origin",
    "Quality",
    "RatePoint",
    "Result",
    "ResultError",
    "Timing",
    "environment",
    "mean",
    "psnr",
    "psnr_foreground",
    "read_result",
    "ssim",
    "temporal_psnr",
    "write_result",
]
