"""``python -m hwcodec``: what this machine can encode and decode, and why not the rest."""

import sys

from hwcodec.errors import BackendUnavailable
from hwcodec.registry import encoder_names, encoder_spec, probe, refusal


def table() -> str:
    """One line per encoder and per backend, as text."""
    rows = [("encoder", "standard", "formats", "kind", "here")]
    for name in encoder_names():
        spec = encoder_spec(name)
        formats = " ".join(known.name for known in spec.formats)
        kind = "hardware" if spec.is_hardware else "software"
        rows.append((name, spec.codec.value, formats, kind, refusal(name) or "yes"))
    # The last column may be long, so it sets no width.
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    lines = [
        "  ".join(
            [*(cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=True)), row[-1]]
        )
        for row in rows
    ]
    lines.append("")
    for name, found in probe().items():
        if isinstance(found, BackendUnavailable):
            lines.append(f"{name}: {found}")
        else:
            decodes = ", ".join(codec.value for codec in found.decodes)
            lines.append(f"{name} decodes {decodes}")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the table to standard output."""
    sys.stdout.write(table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
