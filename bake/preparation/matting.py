"""The subject's own color where a mask cuts it out of a background, and a calm color beyond.

A camera sees a mix of subject and background at the mask's edge, while what is written is straight
alpha: the subject's color alone. Colors here are float32 in [0, 255], alpha is float32 in [0, 1].
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Colors = NDArray[np.float32]

# Below the first share of the subject in a pixel, unmixing would rather magnify noise: the color of
# the nearest pixels that are all the subject's is taken; from the second on it is not. Guessed.
_LEAST_SHARE, _SURE_SHARE = 0.4, 0.7
# Alpha from here on counts as all the subject's, and to here as all the background's.
_ALL, _NONE = 254 / 255, 1 / 255


def straight_colors(seen: Colors, alpha: Colors) -> Colors:
    """Colors (rows, columns, 3) of the subject alone, from what was seen and its mask.

    The background behind an edge is guessed from the pixels beside it. Pixels without the subject
    continue the color of its edge, which costs few bytes and cannot bleed into it.
    """
    if not (alpha > _NONE).any():
        return seen
    inside, behind = (_continued(seen, known) for known in (alpha >= _ALL, alpha <= _NONE))
    share = np.maximum(alpha, np.float32(_LEAST_SHARE))[..., None]
    unmixed = behind + (seen - behind) / share
    # How far an edge pixel can be believed on its own.
    trust = np.clip((alpha - _LEAST_SHARE) / (_SURE_SHARE - _LEAST_SHARE), 0, 1)[..., None]
    mixed = inside + trust * (np.clip(unmixed, 0, 255) - inside)
    own: Colors = np.where(alpha[..., None] >= _ALL, seen, mixed).astype(np.float32)
    return own


def _continued(seen: Colors, known: NDArray[np.bool_]) -> Colors:
    """Colors of the known pixels, and their continuation; all as seen where nothing is known."""
    return spread(seen, known.astype(np.float32)) if known.any() else seen


def spread(colors: Colors, weights: Colors) -> Colors:
    """Colors where weights are 1, and elsewhere their smooth continuation; weights are in [0, 1].

    Source: push and pull, Gortler et al. 1996, The Lumigraph, section 3.4.
    """
    rows, columns = weights.shape
    if min(rows, columns) <= 2 or weights.min() >= 1:
        total = max(float(weights.sum()), 1e-6)
        mean = (colors * weights[..., None]).sum((0, 1)) / total
        return np.asarray(colors * weights[..., None] + mean * (1 - weights[..., None]), np.float32)
    size = (-(-columns // 2), -(-rows // 2))
    small = np.asarray(cv2.resize(weights, size, interpolation=cv2.INTER_AREA), np.float32)
    sums = cv2.resize(colors * weights[..., None], size, interpolation=cv2.INTER_AREA)
    means = np.asarray(sums / np.maximum(small, 1e-6)[..., None], np.float32)
    coarse = spread(means, np.asarray(np.minimum(small * 4, 1), np.float32))
    wide = np.asarray(cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_LINEAR))
    return np.asarray(colors * weights[..., None] + wide * (1 - weights[..., None]), np.float32)
