"""How the pictures of a closed group predict each other, as the software encoders here do it."""

from dataclasses import dataclass
from enum import StrEnum


class PictureKind(StrEnum):
    """How a picture is predicted; encoders give each kind a quantizer and habits of its own."""

    INTRA = "I"
    FORWARD = "P"
    REFERENCED = "B"
    BETWEEN = "b"


@dataclass(frozen=True, slots=True)
class PicturePlan:
    """The kind of a picture, and which pictures it is predicted from, in display order."""

    kind: PictureKind
    references: tuple[int, ...] = ()


def plan_pictures(count: int, b_frame_count: int) -> tuple[PicturePlan, ...]:
    """How a closed group of so many pictures predicts itself, in display order.

    An intra picture, then runs of at most ``b_frame_count`` between two pictures that are
    predicted forward; the middle one of a run serves the others, as libx264 and libx265 do it.
    """
    plans: dict[int, PicturePlan] = {0: PicturePlan(PictureKind.INTRA)}
    last = 0
    while last < count - 1:
        following = min(last + b_frame_count + 1, count - 1)
        plans[following] = PicturePlan(PictureKind.FORWARD, (last,))
        run = range(last + 1, following)
        # A single picture between two serves nobody.
        middle = last + 1 + len(run) // 2 if len(run) > 1 else None
        for index in run:
            if index == middle:
                plans[index] = PicturePlan(PictureKind.REFERENCED, (last, following))
            elif middle is None:
                plans[index] = PicturePlan(PictureKind.BETWEEN, (last, following))
            else:
                ends = (last, middle) if index < middle else (middle, following)
                plans[index] = PicturePlan(PictureKind.BETWEEN, ends)
        last = following
    return tuple(plans[index] for index in range(count))


def coding_order(plans: tuple[PicturePlan, ...]) -> list[int]:
    """Indices so that every picture comes after those it is predicted from."""
    rank = {kind: place for place, kind in enumerate(PictureKind)}
    return sorted(range(len(plans)), key=lambda index: (rank[plans[index].kind], index))
