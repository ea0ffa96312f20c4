"""Every error this package raises.

HwcodecError
├── BackendUnavailable     the library, driver or engine is missing on this machine
├── UnsupportedConfig      the request cannot be met: settings, sizes, values or names
├── BitstreamError         the bytes are not the bitstream they claim to be
└── ContainerError         the package on disk breaks FORMAT.md, or cannot be written

Messages say what, what was got, what was expected, and what to do about it.
"""


class HwcodecError(Exception):
    """Base of every error raised by this package."""


class BackendUnavailable(HwcodecError, RuntimeError):
    """The library, driver or hardware engine is missing on this machine."""


class UnsupportedConfig(HwcodecError, ValueError):
    """The request itself cannot be met; nothing has been encoded or written."""


class BitstreamError(HwcodecError, ValueError):
    """Coded bytes are damaged, truncated, or not what their headers claim."""


class ContainerError(HwcodecError, ValueError):
    """A package breaks FORMAT.md, is damaged, or cannot be written where it was asked for."""
