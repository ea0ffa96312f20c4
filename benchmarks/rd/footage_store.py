"""Occupancies of a scene on disk, so that a resumed run need not find them again."""

from dataclasses import dataclass
from pathlib import Path

from bake.capture import Capture
from bake.grid import choose_grid
from bake.pipeline import BakeConfig
from bake.progress import Progress
from benchmarks.rd.footage import Footage, assemble_footage, prepare_footage
from hwcodec import replace_file
from render.occupancy import OccupancyGrid
from render.occupancy_codec import decode_occupancy, encode_occupancy


@dataclass(frozen=True, slots=True)
class FootageStore:
    """A folder of occupancies; ``key`` changes with everything that they depend on."""

    folder: Path
    key: str

    def footage(self, capture: Capture, config: BakeConfig, progress: Progress) -> Footage:
        """Footage with the stored occupancies, or with those found now, which are then stored.

        Raises:
            BakeError: if the capture cannot be used.
            SceneError: if a stored file is damaged.
        """
        paths = [self.folder / f"{self.key}-{i:05d}.bin" for i in range(capture.frame_count)]
        if all(path.is_file() for path in paths):
            grid = choose_grid(capture, config.resolution, config.voxel_pixels)
            bits = [decode_occupancy(path.read_bytes(), grid.shape) for path in paths]
            return assemble_footage(capture, config, grid, [OccupancyGrid(grid, b) for b in bits])
        footage = prepare_footage(capture, config, progress)
        self.folder.mkdir(parents=True, exist_ok=True)
        own = [occupancy for group in footage.groups for occupancy in group.occupancies]
        for path, occupancy in zip(paths, own, strict=True):
            replace_file(path, encode_occupancy(occupancy.vertices))
        return footage
