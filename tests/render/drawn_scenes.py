"""Small packages made by hand, for everything that draws: any channels, any code depth."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from bake.artifacts import ArtifactStore
from bake.capture import CaptureOptions, open_capture
from bake.export import ExportOptions, export
from bake.sequence import BakedSequence, FieldSettings, Rig, Span
from render.cameras import Camera
from render.fragment import ShadedImage, render_rays_reference
from render.geometry import Aabb
from render.mapping import build_mapping
from render.occupancy import OccupancyGrid, cover
from render.occupancy_codec import encode_occupancy
from render.scene import BakedScene, open_scene
from render.shading import ShadingMlp, ShadingShape, weights_to_bytes

CAPTURE = "procedural:3:32"
BOX = Aabb((-0.7, -0.5, -0.9), (0.6, 0.8, 0.7))
# Frames of each group: the second one has other vertices and another atlas size.
GROUPS = ((0, 2), (2, 1))


@dataclass(frozen=True)
class Recipe:
    """What a scene is made of: features, network, profile of its codes, sample spacing."""

    features: int = 4
    profile: str = "web8"
    width: int = 8
    depth: int = 2
    octaves: int = 1
    step: float = 0.5


def make_scene(recipe: Recipe, folder: Path) -> BakedScene:
    """Write the package of a recipe, with every code kept, and open it."""
    capture, grid = open_capture(CaptureOptions(CAPTURE)), cover(BOX, 13)
    shading = ShadingShape(recipe.features, recipe.width, recipe.depth, recipe.octaves)
    store = ArtifactStore(folder / "bake")
    generator = np.random.default_rng(11)
    spans, atlases = [], []
    for first, count in GROUPS:
        vertices = generator.random(grid.shape) < 0.1 + 0.2 * first
        store.write(f"occupancy/group{first}", "key", encode_occupancy(vertices))
        spans.append(Span(first, count, f"occupancy/group{first}-key.bin"))
        texels = build_mapping(OccupancyGrid(grid, vertices), 8).texel_count
        for frame in range(first, first + count):
            values = generator.normal(0, 1.5, (texels, 1 + recipe.features))
            store.write_array(f"atlas/frame{frame}", "key", values.astype(np.float16))
            atlases.append(f"atlas/frame{frame}-key.npy")
    torch.manual_seed(5)
    store.write("shading/network", "key", weights_to_bytes(ShadingMlp(shading)))
    sequence = BakedSequence(
        root=store.root,
        grid=grid,
        groups=tuple(spans),
        atlas_files=tuple(atlases),
        shading=shading,
        network_file="shading/network-key.bin",
        settings=FieldSettings(8, recipe.step, 8.0, 4.0, (0.25, 0.5, 1.0)),
        rig=Rig(capture.cameras, capture.split.train, capture.split.test),
        frame_rate=Fraction(30),
        provenance={
            "capture": capture.name,
            "frame_indices": [0, 1, 2],
            "config": {"capture": {"path": CAPTURE, "scale": 1.0, "frames": ":"}},
        },
    )
    export(sequence, folder / "package", ExportOptions("raw", recipe.profile))
    return open_scene(folder / "package")


def along_x(position: tuple[float, float, float], width: int = 9, height: int = 7) -> Camera:
    """A camera that looks along x; the middle row and column run exactly parallel to axes."""
    pose = np.eye(4)
    pose[:3, :3] = [[0, -1, 0], [0, 0, -1], [1, 0, 0]]
    pose[:3, 3] = -pose[:3, :3] @ np.array(position)
    return Camera(width, height, 8.0, 8.0, width / 2, height / 2, pose)


def reference(scene: BakedScene, frame: int, rays) -> torch.Tensor:
    """Colors (rays, 3) by the plain twin in torch."""
    return render_rays_reference(scene.field(scene.atlas(frame)), scene.appearance, rays)


def assert_same_pixels(one: ShadedImage, other: ShadedImage) -> None:
    """Color, opacity and depth agree to rounding, and nowhere by what a screen could show.

    A sample at the edge of a threshold may fall to either side, which costs a pixel 1e-3 at most.
    """
    pairs = ((one.rgb, other.rgb), (one.opacity, other.opacity))
    for mine, theirs in pairs:
        difference = (mine - theirs).abs()
        assert mine.shape == theirs.shape
        assert float(difference.max()) < 2e-3
        assert float(difference.mean()) < 1e-5
        assert float(difference.median()) < 1e-6
    assert float((one.depth - other.depth).abs().max()) < 5e-3
    assert float((one.depth - other.depth).abs().mean()) < 1e-4
