"""Multi-view captures to baked scenes: occupancy, groups, mapping tables, feature atlases."""

import os

# Idle OpenMP threads sleep instead of spinning; read when torch is loaded, so it comes first. An
# explicit setting of the user wins.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# OpenCV warns of damaged pictures in words of its own; the error that follows says all of it.
os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")

# A picture's header may promise more pixels than fit into memory; read when OpenCV is loaded.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(1 << 27))

from bake.api import bake_capture, encode_scene
from bake.capture import Capture, CaptureOptions, open_capture
from bake.errors import ArtifactError, BakeError, CapacityError, CaptureError, FolderError
from bake.export import ExportOptions, export
from bake.pipeline import BakeConfig, bake
from bake.sequence import BakedSequence, open_sequence

__all__ = [
    "ArtifactError",
    "BakeConfig",
    "BakeError",
    "BakedSequence",
    "CapacityError",
    "Capture",
    "CaptureError",
    "CaptureOptions",
    "ExportOptions",
    "FolderError",
    "bake",
    "bake_capture",
    "encode_scene",
    "export",
    "open_capture",
    "open_sequence",
]
