"""What a fault is called, and what helps: sentences that name the camera."""

from collections.abc import Collection, Sequence

from bake.inspection.outlines import Explanation


def named(views: Collection[int], labels: Sequence[str]) -> str:
    """The cameras at some view indices by name, in order."""
    names = ", ".join(labels[view] for view in sorted(views))
    return f"camera{'s' if len(views) > 1 else ''} {names}"


def remedy(explanation: Explanation, label: str, labels: Sequence[str], shifted: str) -> str:
    """One sentence on what explains a camera; ``shifted`` says what a shift has moved."""
    camera = f"camera {label}"
    if explanation.partner is not None:
        other = labels[explanation.partner]
        return (
            f"{camera}: its pictures fit the pose of camera {other}; if camera {other}'s fit this "
            "one's, the two are swapped, else give it its own pictures"
        )
    if explanation.convention is not None:
        return f"{camera}: {explanation.convention.wrong}; {explanation.convention.remedy}"
    if explanation.cause == "focal length":
        off = 1 / explanation.zoom - 1
        how = "long" if off > 0 else "short"
        return (
            f"{camera}: its focal length is about {abs(off):.0%} too {how}; multiply it by "
            f"{explanation.zoom:.3f}, or correct the size of its pictures"
        )
    if explanation.cause.startswith("mirrored"):
        side = "top to bottom" if "upside" in explanation.cause else "left to right"
        return f"{camera}: its pictures are mirrored {side}; flip them back"
    return f"{camera}: {shifted}"


def swapped(label: str, other: str) -> str:
    """One sentence on two cameras whose pictures fit each other's poses."""
    return (
        f"camera {label}: its pictures fit the pose of camera {other} and the other way round; "
        "swap their pictures or their poses"
    )


def shift_of(explanation: Explanation, size: tuple[int, int], what: str) -> str:
    """How far something is shifted in the capture's own pixels, and what to do."""
    x, y = explanation.shift[0] * size[0], explanation.shift[1] * size[1]
    parts = []
    if abs(x) >= 0.5:
        parts.append(f"{abs(x):.0f} pixels to the {'right' if x > 0 else 'left'}")
    if abs(y) >= 0.5:
        parts.append(f"{abs(y):.0f} pixels {'down' if y > 0 else 'up'}")
    where = " and ".join(parts) or "less than a pixel"
    return {
        "mask": f"its mask is shifted by {where} against its own pictures; make it anew",
        "picture": f"its pictures are shifted by {where}; correct its principal point or its crop",
    }.get(what, f"its mask or its principal point is shifted by {where}; look which of the two")
