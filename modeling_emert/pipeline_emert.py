"""`pipeline("emotion-recognition", model=...)`: from clips to answers in plain JSON, one by one or in batches.

`pipeline("video-classification", model=...)` gives the labels of one task in the form that this name promises.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset
from transformers import Pipeline

from .answers_emert import answers
from .constants_emert import CONTEXT_INPUTS
from .errors_emert import EmertInputError
from .hub_emert import EmertSharing
from .inference_emert import answering_network
from .people_emert import FaceChoice
from .processing_emert import BigFive, GazeInput, Photo, Row, Units, Video, is_recording, recordings_of
from .recording_emert import Recording
from .rows_emert import as_columns, is_batch, is_row, rows_of
from .tasks_emert import get_task, register_tasks

_FILES = ("video", "image", "gaze", "action_units")
_PARTS = (*_FILES, "face", "participant", "stimulus", *CONTEXT_INPUTS)
Clip = str | Path | Mapping[str, Any] | Row | Recording


class EmotionRecognitionPipeline(EmertSharing, Pipeline):
    """What a person feels (ER) beside what the face shows (FER).

    ```python
    pipe = pipeline("emotion-recognition", model=folder)
    pipe(video="clip.mp4", gaze="gaze.csv")
    pipe(image="photo.jpg"), pipe(action_units="openface.csv")
    pipe([{"video": "a.mp4"}, {"gaze": "b.csv"}], batch_size=2)
    pipe("clip.mp4"), pipe(video=["a.mp4", "b.mp4"], gaze=["a.csv", "b.csv"])
    pipe(data[0]), pipe(data[:4]), pipe(data, batch_size=8)  # rows of a data set, as `load_dataset` gives them
    ```

    A clip is a dictionary with one or several of `video` or `image`, `gaze` and `action_units`, in any form that
    [`EmertProcessor.load`] takes (paths, bytes, arrays), the path of a video or photograph, a row of a data set, or a
    [`Recording`]. The answer to each is what [`answers_emert.answers`]
    gives.

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
        register_tasks(self.model.config.own_tasks)
        self.feature_extractor = self.tokenizer = None  # `Pipeline` takes them out of the processor, and would save them too
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
        video: Video | list[Video] | None = None,
        gaze: GazeInput | list[GazeInput] | None = None,
        image: Photo | list[Photo] | None = None,
        action_units: Units | list[Units] | None = None,
        big_five: BigFive | None = None,
        stimulus_emotion: str | None = None,
        face: FaceChoice | None = None,
        participant: str | None = None,
        stimulus: str | None = None,
        **kwargs: Any,
    ) -> dict | list[dict] | Iterator[dict]:
        """One clip gives one answer, a list or a batch of rows a list; a generator or a `Dataset` gives an iterator.

        Args:
            inputs: clips, or nothing where their parts are given.
            video, gaze, image, action_units: of one clip, or lists of as many as there are clips.
            big_five, stimulus_emotion, face, participant, stimulus: see [`EmertProcessor.load`].
            kwargs: `batch_size`, `num_workers`.

        Raises:
            EmertInputError: a clip can't be used; of several, its place and its files are named.
        """
        parts = {"video": video, "image": image, "gaze": gaze, "action_units": action_units}
        parts |= {"big_five": big_five, "stimulus_emotion": stimulus_emotion, "face": face}
        parts |= {"participant": participant, "stimulus": stimulus}
        if inputs is None:
            inputs = parts
        elif any(part is not None for part in parts.values()):
            raise EmertInputError(f"give clips, or their parts by name ({', '.join(_PARTS)}), not both")
        inputs = as_columns(inputs)
        if _is_row(inputs) and is_batch(inputs):
            inputs = list(rows_of(inputs))
        elif isinstance(inputs, Mapping) and not _is_row(inputs):
            inputs = _clips_of_lists(inputs)
        if isinstance(inputs, (list, tuple)):
            return super().__call__(list(inputs), **kwargs) if inputs else []
        if _is_iterable(inputs) and (isinstance(inputs, IterableDataset) or not isinstance(inputs, Dataset)):
            inputs = (clip for clip in inputs)  # such as a data set of `datasets`
        return super().__call__(inputs, **kwargs)

    def _sanitize_parameters(self, **parameters: Any) -> tuple[dict, dict, dict]:
        if parameters:
            given = ", ".join(map(repr, parameters))
            raise TypeError(
                f"the pipeline takes no {given}; it takes a clip's {', '.join(_PARTS)}; batch_size and num_workers; and "
                "'video-classification' top_k and head"
            )
        return {}, {}, {}

    def preprocess(self, clip: Clip) -> dict[str, list[Recording]]:
        """Loads one clip: a batch of one."""
        clip = as_columns(clip)
        if isinstance(clip, (str, Path)):
            clip = {"video": clip}
        elif _is_row(clip):
            clip = recordings_of(clip)[0]
        if is_recording(clip):
            if clip.face is None and clip.gaze is None and clip.action_units is None:
                raise EmertInputError(" ".join([*clip.notes, "The recording has neither a face nor gaze to answer from."]))
            return {"recordings": [clip]}
        if not isinstance(clip, Mapping) or not set(clip) <= set(_PARTS):
            found = sorted(map(str, clip)) if isinstance(clip, Mapping) else type(clip).__name__
            raise EmertInputError(
                "a clip is a dictionary with some of 'video' or 'image', 'gaze' and 'action_units' (and 'big_five', "
                "'stimulus_emotion' where the model takes context), a video's path, a row of a data set (of several splits, "
                f"choose one), or a Recording, got {found}"
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
        self,
        inputs: Iterable[Clip],
        num_workers: int,
        batch_size: int,
        preprocess_params: dict[str, Any],
        forward_params: dict[str, Any],
        postprocess_params: dict[str, Any],
    ) -> Iterator[dict | list[dict]]:
        """Batches of recordings, since what can be missing from each differs; the base class pads tensors of one form."""
        clips = _NumberedClips(inputs, self) if hasattr(inputs, "__getitem__") else _NumberedStream(inputs, self)
        workers = num_workers if isinstance(clips, _NumberedClips) else min(num_workers, 1)
        for recordings in DataLoader(clips, batch_size=batch_size, num_workers=workers, collate_fn=list):
            for refusal in recordings:
                if isinstance(refusal, EmertInputError):
                    raise refusal
            for found in self.forward({"recordings": recordings})["answers"]:
                yield self.postprocess({"answers": [found]}, **postprocess_params)

    def load_numbered(self, number: int, clip: Clip) -> Recording | EmertInputError:
        """One of several clips, or the error, with its number: returned, since an error raised in a worker gets a traceback."""
        try:
            return self.preprocess(clip)["recordings"][0]
        except EmertInputError as error:
            return EmertInputError(f"clip {number}{_files(clip)}: {error}")

    def save_pretrained(self, save_directory: str | Path, **kwargs: Any) -> None:
        super().save_pretrained(save_directory, **kwargs)
        self.processor.save_pretrained(save_directory, **kwargs)


class EmertVideoClassificationPipeline(EmotionRecognitionPipeline):
    """The labels of one task with their scores, the best first: what `pipeline("video-classification")` promises.

    ```python
    pipe = pipeline("video-classification", model=folder)
    pipe("clip.mp4", top_k=2)  # [{"score": 0.7, "label": "fer7/happiness"}, {"score": 0.2, "label": "fer7/neutral"}]
    pipe(video="clip.mp4", gaze="gaze.csv", head="er7")  # what is felt
    ```

    The labels are those of the config's `id2label`. `head`: the task that answers. By default what the face shows, in as many
    classes as the model knows; in a model without such a task its first one. The scores of classes are probabilities; numbers
    keep their order. `top_k` (5): how many labels. All else, and the other tasks, are in `pipeline("emotion-recognition")`.
    Raises `EmertInputError`, with the evidence in words, where the head's answer can't be told.
    """

    def _sanitize_parameters(
        self, top_k: int | None = None, head: str | None = None, **parameters: Any
    ) -> tuple[dict, dict, dict]:
        super()._sanitize_parameters(**parameters)
        if head is not None and head not in self.model.config.tasks:
            raise EmertInputError(f"head {head!r}: the model answers {', '.join(self.model.config.tasks)}")
        chosen = {"top_k": top_k, "head": head}
        return {}, {}, {name: value for name, value in chosen.items() if value is not None}

    @property
    def head(self) -> str:
        """The task that answers unless the call names another."""
        tasks = [get_task(name) for name in self.model.config.tasks]
        shown = [task for task in tasks if task.view == "fer" and task.kind == "classification"]
        return max(shown, key=lambda task: task.size).name if shown else tasks[0].name

    def postprocess(self, outputs: dict[str, list[dict]], top_k: int = 5, head: str | None = None) -> list[dict]:
        name = head or self.head
        answer = outputs["answers"][0]
        if name not in answer["tasks"]:
            raise EmertInputError(answer["evidence"][name]["words"])
        scores = [{"score": score, "label": f"{name}/{label}"} for label, score in answer["tasks"][name].items()]
        if get_task(name).kind == "classification":
            scores.sort(key=lambda one: -one["score"])
        return scores[:top_k]


def saved_pipelines() -> dict[str, dict[str, Any]]:
    """What a saved config names for users without this package, by transformers' name of the pipeline."""
    classes = {"emotion-recognition": EmotionRecognitionPipeline, "video-classification": EmertVideoClassificationPipeline}
    file = __name__.rpartition(".")[2]
    return {
        task: {"impl": f"{file}.{pipe.__name__}", "pt": ["AutoModelForVideoClassification"]} for task, pipe in classes.items()
    }


def _is_row(given: Any) -> bool:
    """A row, or a batch, of a data set; a clip's dictionary shares the name `action_units` with it."""
    return is_row(given) and not set(given) <= set(_PARTS)


def _is_iterable(given: Any) -> bool:
    """Whether it holds several clips, and is none itself."""
    return hasattr(given, "__iter__") and not isinstance(given, (str, bytes, Path, Mapping)) and not is_recording(given)


def _clips_of_lists(clip: Mapping[str, Any]) -> Mapping[str, Any] | list[dict[str, Any]]:
    """A clip whose files are lists as several clips; else the clip."""
    lists = {name: clip[name] for name in _FILES if _is_list_of_files(clip.get(name))}
    if not lists:
        return clip
    lengths = {len(values) for values in lists.values()}
    if len(lengths) > 1 or any(clip.get(name) is not None and name not in lists for name in _PARTS):
        raise EmertInputError("lists of files need one entry for each clip; for all else give a list of dictionaries")
    return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]


def _is_list_of_files(given: Any) -> bool:
    return isinstance(given, (list, tuple)) and all(value is None or isinstance(value, (str, Path, bytes)) for value in given)


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
    values = map(clip.get, _FILES) if isinstance(clip, Mapping) else (clip,)
    names = [Path(value).name for value in values if isinstance(value, (str, Path))]
    return f" ({', '.join(names)})" if names else ""
