"""Face crops as the network takes them: 8 frames spread over the recording, resized, normalised."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from PIL import Image
from transformers import BatchFeature
from transformers.image_utils import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD, PILImageResampling
from transformers.video_processing_utils import BaseVideoProcessor

from .recording_emert import FaceTrack
from .sampling_emert import FrameOrder, Sampling, choose_of_chunks, order_frames, spread_evenly


class EmertVideoProcessor(BaseVideoProcessor):
    """Resizing and normalisation of face crops; [`EmertProcessor.load`] finds the face in a video.

    `num_frames` and `size` are the model's; mean and std are ImageNet's, on which the authors' backbone was pretrained.
    `face_zoom` (1.0): the middle part of the crop that the network sees, as a fraction of its side, for weights that learned
    from narrower crops than those that are stored. `face_pixels` (None): the side to which that is reduced before it is brought
    to `size`, for weights that learned from small photographs and would take the pores of a sharp one for wrinkles.
    `do_grayscale` (False): without colour, as some of the training faces are.

    For networks of the authors': `sampling` (`"spread"`: from the first frame to the last; `"middle"`, `"random"`: one of each
    of 8 consecutive chunks; theirs is random, in the test too, so that their answers change from call to call),
    `frame_order` (`"time"`, or `"last_digit"` of the files' names, which is theirs), `do_flip_channel_order` (True is BGR).
    """

    _auto_class = "AutoVideoProcessor"
    model_input_names = ["pixel_values", "face_mask"]  # noqa: RUF012
    resample = PILImageResampling.BILINEAR
    image_mean = IMAGENET_DEFAULT_MEAN
    image_std = IMAGENET_DEFAULT_STD
    size = {"height": 112, "width": 112}  # noqa: RUF012
    do_resize = True
    do_rescale = True
    do_normalize = True
    num_frames = 8
    face_zoom = 1.0
    face_pixels: int | None = None
    do_grayscale = False
    sampling: Literal["spread"] | Sampling = "spread"
    frame_order: FrameOrder = "time"
    do_flip_channel_order = False

    def pick(self, count: int, names: Sequence[str] | None = None, generator: np.random.Generator | None = None) -> np.ndarray:
        """`(num_frames,)` places of the frames that the network takes, of `count` in the order of time.

        `names`: of their files. `generator`: of a random choice. To pick of those that were picked gives them all again.
        """
        order = order_frames(names, count, self.frame_order)
        if self.sampling == "spread":
            return order[spread_evenly(count, self.num_frames)]
        return order[choose_of_chunks(count, self.num_frames, self.sampling, generator)]

    def rescale(self, image: torch.Tensor, scale: float, **kwargs) -> torch.Tensor:
        """Divided, not multiplied by 1 / 255 as transformers does: the number nearest to the quotient."""
        return image.to(torch.float32) / round(1 / scale)

    def preprocess(
        self,
        videos: "FaceTrack | np.ndarray | None | Sequence[FaceTrack | np.ndarray | None]",
        return_tensors: str | None = "pt",
        generator: np.random.Generator | None = None,
        **kwargs,
    ) -> BatchFeature:
        """One clip or a batch; a clip is a [`FaceTrack`], face crops `(frames, height, width, 3)` uint8, or None.

        Returns `pixel_values` `(batch, num_frames, 3, height, width)` float32 and `face_mask` `(batch, num_frames)` bool,
        all False for a clip that is None; an empty batch if all are None. If every clip is a single frame (a photo),
        `pixel_values` is `(batch, 1, 3, height, width)`: the model takes it for all frames. `generator`: as [`pick`].
        """
        clips = list(videos) if isinstance(videos, (list, tuple)) else [videos]
        given = [None if clip is None else self._frames_of(clip) for clip in clips]
        present = [index for index, clip in enumerate(given) if clip is not None]
        if not present:
            return BatchFeature({})
        if not all(len(given[index]) == 1 for index in present):
            for index in present:
                given[index] = given[index][self.pick(len(given[index]), getattr(clips[index], "names", None), generator)]
        frames = [None if clip is None else self._seen(clip) for clip in given]
        done = super().preprocess([frames[index] for index in present], do_sample_frames=False, **kwargs)
        tensors = torch.stack(list(done["pixel_values_videos"]))
        pixel_values = tensors.new_zeros(len(clips), *tensors.shape[1:])
        pixel_values[present] = tensors
        face_mask = torch.zeros(len(clips), self.num_frames, dtype=torch.bool)
        face_mask[present] = True
        return BatchFeature({"pixel_values": pixel_values, "face_mask": face_mask}, tensor_type=return_tensors)

    @staticmethod
    def _frames_of(clip: "FaceTrack | np.ndarray") -> np.ndarray:
        # Not `isinstance(clip, FaceTrack)`: as remote code each processor has its own copy of that class.
        frames = clip if isinstance(clip, np.ndarray) else clip.frames
        if frames.ndim != 4 or len(frames) == 0:
            raise ValueError(f"face crops must be (frames, height, width, 3) with at least one frame, got {frames.shape}")
        return frames

    def _seen(self, frames: np.ndarray) -> np.ndarray:
        """`(frames, height, width, 3)` uint8 -> its middle part, as fine as `face_pixels`, grey or in colour, as RGB or BGR."""
        if not 0 < self.face_zoom <= 1:
            raise ValueError(f"face_zoom must be in (0, 1], got {self.face_zoom}")
        if self.face_zoom < 1:
            height, width = (max(round(side * self.face_zoom), 1) for side in frames.shape[1:3])
            top, left = (frames.shape[1] - height) // 2, (frames.shape[2] - width) // 2
            frames = frames[:, top : top + height, left : left + width]
        if self.face_pixels is not None and min(frames.shape[1:3]) > self.face_pixels:
            side = (self.face_pixels, self.face_pixels)  # bicubic keeps more of what fits than the bilinear of the crops
            frames = np.stack([Image.fromarray(frame).resize(side, Image.Resampling.BICUBIC) for frame in frames])
        frames = grey(frames) if self.do_grayscale else frames
        return np.ascontiguousarray(frames[..., ::-1]) if self.do_flip_channel_order else frames


_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # weights of red, green and blue (ITU-R BT.601)


def grey(frames: np.ndarray) -> np.ndarray:
    """`(frames, height, width, 3)` uint8 -> the same shape, all three channels the brightness."""
    return np.repeat(np.rint(frames.astype(np.float32) @ _LUMA).astype(np.uint8)[..., None], 3, axis=-1)
