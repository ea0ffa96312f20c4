"""What a bake says when memory runs out, on the processor or on a device."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from bake.errors import CapacityError

# How torch words it for the processor, where it has no type of its own for it.
_TORCH_WORDS = "can't allocate memory"


@contextmanager
def memory_named() -> Iterator[None]:
    """Turn a lack of memory into an error that says what takes less of it.

    Raises:
        CapacityError: if memory ran out within the block.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        is_plain = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if not is_plain and _TORCH_WORDS not in str(error):
            raise
        reason = " ".join(str(error).split())[:200] or "no size was stated"
        raise CapacityError(
            f"memory ran out ({reason}), expected enough for one group of frames; raise "
            "voxel_pixels, lower capture.scale, capture.cache_bytes or grouping.texel_capacity, or "
            "end other programs and run again to resume"
        ) from error
