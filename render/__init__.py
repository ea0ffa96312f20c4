"""Baked scenes to pixels: cameras, occupancy, mapping tables, the ray march and its shading."""

import os

# Idle OpenMP threads sleep instead of spinning; read when torch is loaded, so it comes first. An
# explicit setting of the user wins.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from render.cameras import Camera, Lens, Rays, look_at, orbit, pixel_rays
from render.errors import CameraError, RenderError, SceneError
from render.fragment import Appearance, ShadedImage, render_view
from render.geometry import Aabb
from render.playback import PlayerOptions
from render.player import Player
from render.scene import BakedScene, FeatureAtlas, open_scene

__all__ = [
    "Aabb",
    "Appearance",
    "BakedScene",
    "Camera",
    "CameraError",
    "FeatureAtlas",
    "Lens",
    "Player",
    "PlayerOptions",
    "Rays",
    "RenderError",
    "SceneError",
    "ShadedImage",
    "look_at",
    "open_scene",
    "orbit",
    "pixel_rays",
    "render_view",
]
