"""The fixation map: the heat map of where a person looked, the paper's third modality."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from modeling_emert.recording_emert import Recording

# Standard deviation of one fixation as a fraction of the map's width: about one degree of visual angle, the width of sharp
# sight, on a screen of some 33 degrees, such as 24 inches at 90 cm.
SIGMA_FRACTION = 0.03
# From zero to the maximum: dark blue, purple, red, orange, pale yellow. Lightness rises monotonically, so that the order is
# visible without colours too.
HEAT_COLOURS = np.array([(10, 10, 60), (95, 20, 115), (190, 55, 85), (245, 140, 20), (252, 250, 165)], np.float32)
_OPACITY = 0.8  # of the maximum over a stimulus frame
_BATCH = 4096  # fixations at once, to limit memory for long recordings


def fixation_map(recording: Recording, size: tuple[int, int], frame: np.ndarray | None = None) -> np.ndarray:
    """The heat map of a recording's fixations, over the stimulus frame where there is one.

    Args:
        size: height and width of the map in pixels.
        frame: `(any height, any width, 3)` uint8 RGB, the stimulus; by default the recording's `stimulus_frame`.

    Returns:
        Without a frame `(height, width)` float32, as [`fixation_density`]; with one `(height, width, 3)` uint8, the frame
        scaled to `size` with the heat over it, and the frame alone where there are no fixations.

    Raises:
        ValueError: `size` is not two positive numbers, or the frame is not valid.
    """
    fixations = None if recording.gaze is None else recording.gaze.fixations
    density = fixation_density(np.zeros((0, 4), np.float32) if fixations is None else fixations, size)
    frame = recording.stimulus_frame if frame is None else frame
    return density if frame is None else overlay(density, frame)


def fixation_density(fixations: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """`(height, width)` float32 in 0..1: the sum of one Gaussian for each fixation, scaled to a maximum of 1.

    `fixations` is `(fixations, 4)` as in `Gaze`. Each Gaussian is round in pixels, with a standard deviation of
    `SIGMA_FRACTION` of the width, and is weighted by the fixation's duration. Fixations outside of the stimulus are left
    out; without any inside the map is all zeros. Raises `ValueError` for a `size` that is not two positive numbers.
    """
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"size must be (height, width) in pixels, got {tuple(size)}")
    height, width = size
    inside = ((fixations[:, :2] >= 0) & (fixations[:, :2] <= 1)).all(axis=1) & (fixations[:, 3] > 0)
    kept = fixations[inside & np.isfinite(fixations[:, 3])]
    sigma = SIGMA_FRACTION * width
    density = np.zeros((height, width), np.float32)
    for start in range(0, len(kept), _BATCH):
        batch = kept[start : start + _BATCH].astype(np.float32)
        # A Gaussian is the product of a column and a row, so the sum over all fixations is one product of matrices.
        rows = _gaussians(batch[:, 1] * height, height, sigma)
        columns = _gaussians(batch[:, 0] * width, width, sigma)
        density += (rows * batch[:, 3:]).T @ columns
    highest = float(density.max())
    return density / highest if highest > 0 else density


def _gaussians(centres: np.ndarray, length: int, sigma: float) -> np.ndarray:
    """`(centres, length)`: a Gaussian around each centre, in pixels; the centre of pixel n is at n + 0.5."""
    distance = (np.arange(length, dtype=np.float32) + 0.5) - centres[:, None]
    return np.exp(-0.5 * (distance / sigma) ** 2)


def overlay(density: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """`(height, width, 3)` uint8: the frame, scaled to the map's size, with the heat over it.

    `density` `(height, width)` in 0..1; where it is 0 the frame shows as it is. Raises `ValueError` for a frame that is
    not `(height, width, 3)` uint8.
    """
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise ValueError(f"the stimulus frame must be (height, width, 3) uint8, got {frame.shape} {frame.dtype}")
    height, width = density.shape
    below = np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BILINEAR), np.float32)
    # The square root makes low densities visible.
    opacity = (_OPACITY * np.sqrt(density))[:, :, None]
    return (below * (1 - opacity) + heat(density) * opacity).round().astype(np.uint8)


def heat(density: np.ndarray) -> np.ndarray:
    """`(height, width, 3)` float32 in 0..255: the colours of a map in 0..1."""
    stops = np.linspace(0, 1, len(HEAT_COLOURS))
    return np.stack([np.interp(density, stops, channel) for channel in HEAT_COLOURS.T], axis=-1).astype(np.float32)
