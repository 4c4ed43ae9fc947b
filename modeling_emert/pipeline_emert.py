"""`pipeline("emotion-recognition", model=...)`: from clips to answers in plain JSON, one by one or in batches."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset
from transformers import Pipeline

from .answers_emert import answers
from .constants_emert import CONTEXT_INPUTS
from .errors_emert import EmertInputError
from .inference_emert import answering_network
from .processing_emert import BigFive, GazeInput, Video
from .recording_emert import Recording

_PARTS = ("video", "gaze", *CONTEXT_INPUTS)
Clip = Mapping[str, Any] | Recording


class EmotionRecognitionPipeline(Pipeline):
    """What a person feels (ER) beside what the face shows (FER).

    ```python
    pipe = pipeline("emotion-recognition", model=folder)
    pipe(video="clip.mp4", gaze="gaze.csv")
    pipe([{"video": "a.mp4"}, {"gaze": "b.csv"}], batch_size=2)
    ```

    A clip is a dictionary with `video`, `gaze` or both, in any form that [`EmertProcessor.load`] takes (paths, bytes,
    arrays), or a [`Recording`]. The answer to each is what [`answers_emert.answers`] gives.

    A model whose config has `context` takes it as well, beside the clip or in its dictionary:

    ```python
    pipe(video="clip.mp4", big_five=[0.4, 0.7, 0.5, 0.6, 0.3], stimulus_emotion="fear")
    ```

    Either may reveal the label; both are optional. A model without `context` refuses them with an error, except for those of
    a [`Recording`], which are ignored since they come with the data.

    `model` itself is not changed: [`network`], a copy of it, answers.
    """

    _load_processor = True
    _load_image_processor = False
    _load_video_processor = False
    _load_feature_extractor = False
    _load_tokenizer = False

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.feature_extractor = None  # `Pipeline` takes it out of the processor and would save it a second time
        self._network: nn.Module | None = None
        self._state: list[tuple[int, int]] = []

    @property
    def network(self) -> nn.Module:
        """The model prepared by [`inference_emert.answering_network`], once, and again after its weights have changed."""
        weights = [*self.model.parameters(), *self.model.buffers()]
        state = [(value.data_ptr(), 0 if value.is_inference() else value._version) for value in weights]
        if self._network is None or state != self._state:
            self._network, self._state = answering_network(self.model, self.processor), state
        return self._network

    def __call__(
        self,
        inputs: Clip | Iterable[Clip] | None = None,
        *,
        video: Video | None = None,
        gaze: GazeInput | None = None,
        big_five: BigFive | None = None,
        stimulus_emotion: str | None = None,
        **kwargs: Any,
    ) -> dict | list[dict] | Iterator[dict]:
        """One clip gives one answer, a list a list; a generator or a `Dataset` gives an iterator.

        Args:
            inputs: clips, or nothing where `video` or `gaze` is given.
            big_five, stimulus_emotion: see [`EmertProcessor.load`].
            kwargs: `batch_size`, `num_workers`.

        Raises:
            EmertInputError: a clip can't be used; of several, its place and its files are named.
        """
        parts = {"video": video, "gaze": gaze, "big_five": big_five, "stimulus_emotion": stimulus_emotion}
        if inputs is None:
            inputs = parts
        elif any(part is not None for part in parts.values()):
            raise EmertInputError(f"give clips, or their parts by name ({', '.join(_PARTS)}), not both")
        if isinstance(inputs, (list, tuple)):
            return super().__call__(list(inputs), **kwargs) if inputs else []
        return super().__call__(inputs, **kwargs)

    def _sanitize_parameters(self, **parameters: Any) -> tuple[dict, dict, dict]:
        if parameters:
            raise TypeError(f"the pipeline takes no {', '.join(map(repr, parameters))}; it takes batch_size and num_workers")
        return {}, {}, {}

    def preprocess(self, clip: Clip) -> dict[str, list[Recording]]:
        """Loads one clip: a batch of one."""
        if hasattr(clip, "face") and hasattr(clip, "gaze"):  # a Recording; remote code has its own copy of that class
            if clip.face is None and clip.gaze is None:
                raise EmertInputError(" ".join([*clip.notes, "The recording has neither a face nor gaze to answer from."]))
            return {"recordings": [clip]}
        if not isinstance(clip, Mapping) or not set(clip) <= set(_PARTS):
            found = sorted(map(str, clip)) if isinstance(clip, Mapping) else type(clip).__name__
            raise EmertInputError(
                "a clip is a dictionary with 'video', 'gaze' or both (and 'big_five', 'stimulus_emotion' where the model takes "
                f"context), or a Recording, got {found}"
            )
        taken = self.processor.context
        strange = [name for name in CONTEXT_INPUTS if clip.get(name) is not None and name not in taken]
        if strange:
            known = f"it takes {', '.join(taken) or 'none'}"
            raise EmertInputError(f"{', '.join(strange)}: this model was not trained with such context ({known}); leave it out")
        return {"recordings": [self.processor.load(**{name: clip.get(name) for name in _PARTS})]}

    def _forward(self, batch: dict[str, list[Recording]]) -> dict[str, list[dict]]:
        return {"answers": answers(self.network, self.processor, batch["recordings"])}

    def postprocess(self, outputs: dict[str, list[dict]]) -> dict:
        return outputs["answers"][0]

    def get_iterator(
        self, inputs: Iterable[Clip], num_workers: int, batch_size: int, *parameters: dict[str, Any]
    ) -> Iterator[dict]:
        """Batches of recordings, since what can be missing from each differs; the base class pads tensors of one form."""
        clips = _NumberedClips(inputs, self) if hasattr(inputs, "__getitem__") else _NumberedStream(inputs, self)
        workers = num_workers if isinstance(clips, _NumberedClips) else min(num_workers, 1)
        for recordings in DataLoader(clips, batch_size=batch_size, num_workers=workers, collate_fn=list):
            for refusal in recordings:
                if isinstance(refusal, EmertInputError):
                    raise refusal
            yield from self.forward({"recordings": recordings})["answers"]

    def load_numbered(self, number: int, clip: Clip) -> Recording | EmertInputError:
        """One of several clips, or the error, with its number: returned, since an error raised in a worker gets a traceback."""
        try:
            return self.preprocess(clip)["recordings"][0]
        except EmertInputError as error:
            return EmertInputError(f"clip {number}{_files(clip)}: {error}")

    def save_pretrained(self, save_directory: str | Path, **kwargs: Any) -> None:
        super().save_pretrained(save_directory, **kwargs)
        self.processor.save_pretrained(save_directory, **kwargs)


class _NumberedClips(Dataset):
    def __init__(self, clips: Any, pipe: EmotionRecognitionPipeline):
        self.clips, self.pipe = clips, pipe

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, number: int) -> Recording | EmertInputError:
        return self.pipe.load_numbered(number, self.clips[number])


class _NumberedStream(IterableDataset):
    def __init__(self, clips: Iterable[Clip], pipe: EmotionRecognitionPipeline):
        self.clips, self.pipe = clips, pipe

    def __iter__(self) -> Iterator[Recording | EmertInputError]:
        for number, clip in enumerate(self.clips):
            yield self.pipe.load_numbered(number, clip)


def _files(clip: Clip) -> str:
    """Of a clip that is given by paths, their names."""
    values = (clip.get("video"), clip.get("gaze")) if isinstance(clip, Mapping) else ()
    names = [Path(value).name for value in values if isinstance(value, (str, Path))]
    return f" ({', '.join(names)})" if names else ""
