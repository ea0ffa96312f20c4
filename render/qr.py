"""QR codes for terminals: the only ``import segno``."""

import io

from hwcodec import BackendUnavailable


def qr_text(address: str) -> str:
    """A QR code of an address as lines of half blocks, for a terminal with a dark background.

    Raises:
        BackendUnavailable: if the library is not installed.
    """
    try:
        import segno
    except ImportError as error:
        raise BackendUnavailable(
            f"no QR code can be drawn: {error}; install the extra videorf[qr], or type the address"
        ) from error
    out = io.StringIO()
    segno.make(address, error="m", micro=False).terminal(out=out, compact=True, border=2)
    return out.getvalue()
