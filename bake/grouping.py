"""Adaptive grouping: the longest runs of frames whose union occupancy fits one atlas."""

from collections.abc import Iterable
from dataclasses import dataclass

import bake.limits as bounds
from bake.errors import CapacityError
from hwcodec.records import whole_number
from render.occupancy import OccupancyGrid, union


@dataclass(frozen=True, slots=True)
class GroupingConfig:
    """Limits of a group.

    Attributes:
        texel_capacity: most occupied vertices of the union, that is, texels of an atlas.
        max_length: most frames of a group; bounds the seek time of a player.

    Raises:
        ValueError: if a limit is out of range.
    """

    texel_capacity: int = 1 << 19
    max_length: int = 20

    def __post_init__(self) -> None:
        """Refuse limits that no frame could meet."""
        whole_number("texel_capacity", self.texel_capacity, 1, bounds.MOST_TEXELS)
        whole_number("max_length", self.max_length, 1, bounds.MOST_TEXELS)


@dataclass(frozen=True, slots=True, eq=False)
class GroupPlan:
    """A run of frames that shares one mapping table, and the union of their occupancies."""

    first_frame: int
    frame_count: int
    occupancy: OccupancyGrid

    @property
    def frames(self) -> range:
        """Indices of the group's frames."""
        return range(self.first_frame, self.first_frame + self.frame_count)


def plan_groups(
    occupancies: Iterable[OccupancyGrid], config: GroupingConfig
) -> tuple[GroupPlan, ...]:
    """Cut the sequence greedily, left to right, into the longest groups within the bounds.

    Source: VideoRF (CVPR 2024), adaptive grouping; greedy order and the length cap are recalled,
    unverified.

    Raises:
        CapacityError: if a single frame alone needs more texels than the capacity.
    """
    plans: list[GroupPlan] = []
    for index, occupancy in enumerate(occupancies):
        if occupancy.count > config.texel_capacity:
            raise CapacityError(_too_large(index, occupancy.count, config.texel_capacity))
        extended = _extend(plans[-1], occupancy) if plans else None
        if extended is not None and _fits(extended, config):
            plans[-1] = extended
        else:
            plans.append(GroupPlan(index, 1, occupancy))
    return tuple(plans)


def _extend(plan: GroupPlan, occupancy: OccupancyGrid) -> GroupPlan:
    """The same group with one more frame."""
    return GroupPlan(plan.first_frame, plan.frame_count + 1, union([plan.occupancy, occupancy]))


def _fits(plan: GroupPlan, config: GroupingConfig) -> bool:
    within = plan.occupancy.count <= config.texel_capacity
    return within and plan.frame_count <= config.max_length


def _too_large(frame_index: int, count: int, capacity: int) -> str:
    """Names a resolution that would fit; occupied vertices of a shell grow with its square."""
    shrink = (capacity / count) ** 0.5
    return (
        f"frame {frame_index} alone occupies {count} vertices, expected at most {capacity} texels; "
        f"raise voxel_pixels to about {1 / shrink:.0%} of its value or lower resolution to "
        f"{shrink:.0%}, tighten the scene box, or raise grouping.texel_capacity"
    )
