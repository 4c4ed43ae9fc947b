"""Face crops as the network takes them: 8 frames spread over the recording, resized, normalised."""

from collections.abc import Sequence

import numpy as np
import torch
from transformers import BatchFeature
from transformers.image_utils import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD, PILImageResampling
from transformers.video_processing_utils import BaseVideoProcessor

from .recording_emert import FaceTrack


class EmertVideoProcessor(BaseVideoProcessor):
    """Resizing and normalisation of face crops; [`EmertProcessor.load`] finds the face in a video.

    `num_frames` and `size` are the model's; mean and std are ImageNet's, on which the authors' backbone was pretrained.
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

    def preprocess(
        self,
        videos: "FaceTrack | np.ndarray | None | Sequence[FaceTrack | np.ndarray | None]",
        return_tensors: str | None = "pt",
        **kwargs,
    ) -> BatchFeature:
        """One clip or a batch; a clip is a [`FaceTrack`], face crops `(frames, height, width, 3)` uint8, or None.

        Returns `pixel_values` `(batch, num_frames, 3, height, width)` float32 and `face_mask` `(batch, num_frames)` bool,
        all False for a clip that is None; an empty batch if all are None.
        """
        clips = list(videos) if isinstance(videos, (list, tuple)) else [videos]
        frames = [None if clip is None else self._spread(clip) for clip in clips]
        present = [index for index, clip in enumerate(frames) if clip is not None]
        if not present:
            return BatchFeature({})
        done = super().preprocess([frames[index] for index in present], do_sample_frames=False, **kwargs)
        tensors = torch.stack(list(done["pixel_values_videos"]))
        pixel_values = tensors.new_zeros(len(clips), *tensors.shape[1:])
        pixel_values[present] = tensors
        face_mask = torch.zeros(pixel_values.shape[:2], dtype=torch.bool)
        face_mask[present] = True
        return BatchFeature({"pixel_values": pixel_values, "face_mask": face_mask}, tensor_type=return_tensors)

    def _spread(self, clip: "FaceTrack | np.ndarray") -> np.ndarray:
        """`num_frames` frames evenly spread from the first to the last; a short clip repeats some."""
        # Not `isinstance(clip, FaceTrack)`: as remote code each processor has its own copy of that class.
        frames = clip if isinstance(clip, np.ndarray) else clip.frames
        if frames.ndim != 4 or len(frames) == 0:
            raise ValueError(f"face crops must be (frames, height, width, 3) with at least one frame, got {frames.shape}")
        return frames[np.linspace(0, len(frames) - 1, self.num_frames).round().astype(int)]
