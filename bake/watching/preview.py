"""What a frame looks like while its sequence is still being baked."""

from copy import deepcopy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bake.capture import Capture
from bake.optimize import GroupScene
from bake.optimize_config import OptimizeConfig
from render.fragment import Appearance, render_view
from render.shading import ShadingMlp
from render.video import to_bytes


def preview(
    capture: Capture,
    frame_index: int,
    frame: tuple[GroupScene, Tensor, ShadingMlp],
    config: OptimizeConfig,
) -> NDArray[np.uint8]:
    """One view of a baked frame beside the captured one, (rows, 2 * columns, 3).

    It is the first held-out view, or the first one where none exists at this frame. ``frame`` is
    its group, its texels (texel_count, channels) and the network. It is drawn on the processor, no
    random number is, and nothing is changed: a bake that is looked at has the bytes of one that is
    not.

    Raises:
        CaptureError: if the captured picture cannot be read.
    """
    view = (*capture.test_views(frame_index), *capture.train_views(frame_index))[0]
    scene, texels, network = frame
    field = scene.field(texels.float().cpu(), config)
    background = torch.tensor(capture.background, dtype=torch.float32)
    appearance = Appearance(deepcopy(network).cpu(), background)
    shown = to_bytes(render_view(field, appearance, capture.cameras[view]).rgb)
    return np.concatenate([shown, capture.view(frame_index, view).rgb], 1)
