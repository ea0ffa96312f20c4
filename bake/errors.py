"""Every error this package raises.

BakeError
├── CaptureError     the multi-view video cannot be used as it is
├── CapacityError    the scene does not fit the atlas, grid or memory it was given
├── ArtifactError    a stage's stored result is missing, damaged or from other settings
└── FolderError      the out folder holds something else, or is being written to
"""


class BakeError(Exception):
    """Anything that goes wrong between a capture and a baked scene."""


class CaptureError(BakeError, ValueError):
    """The capture or its options cannot be used; the message says what to change."""


class CapacityError(BakeError, ValueError):
    """The scene does not fit the space it was given; the message says which limit to raise."""


class ArtifactError(BakeError, ValueError):
    """A stored result of an earlier stage cannot be used; the message says which to redo."""


class FolderError(BakeError, ValueError):
    """The folder of a result holds something else, or another run writes there; choose another."""


class ExtraMissingError(BakeError, ValueError):
    """Something was asked for that takes a library which is not installed; install it."""
