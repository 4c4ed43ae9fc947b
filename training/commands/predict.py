"""`emert predict`: ER beside FER for one clip, for people or (`--json`) for programs."""

import argparse
import json
from itertools import groupby
from pathlib import Path

from modeling_emert.tasks_emert import VIEW_WORDS

_BAR = 24  # characters of a probability of 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, help="folder of the model (default: the one that ships with emert)")
    parser.add_argument("--video", type=Path, help="video of the face, or a folder of face crops (.jpg); may be left out")
    parser.add_argument("--image", type=Path, help="photograph of the face, in place of a video")
    parser.add_argument("--gaze", type=Path, help="gaze file of an eye tracker; may be left out")
    parser.add_argument("--action-units", type=Path, metavar="FILE", help="CSV of OpenFace or py-feat; may be left out")
    parser.add_argument("--participant", help="whose gaze to take, where the file holds several people's")
    parser.add_argument("--stimulus", help="of which stimulus the gaze is, where the file holds several: its name, or #2")
    parser.add_argument("--face", help="whose face, where there are several: left, right, largest or a number from the left")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def run(arguments: argparse.Namespace) -> None:
    from modeling_emert.errors_emert import EmertInputError

    given = {name: getattr(arguments, name) for name in ("video", "image", "gaze", "action_units")}
    if not any(given.values()):
        raise EmertInputError("nothing to answer from: give --video or --image, --gaze, or several of them")
    from training.evaluation.model_folder import check_model_folder, shipped_model

    # Unusable files are refused before torch is loaded.
    model = arguments.model or shipped_model()
    check_model_folder(model, several=True)
    if arguments.video is not None and arguments.video.is_dir():
        from dataset_scripts.sources.emer_faces import read_face_crops

        given["video"] = read_face_crops(arguments.video)
    elif arguments.video is not None:
        from modeling_emert.video_emert import check_video_file

        check_video_file(arguments.video)
    if arguments.gaze is not None:
        from dataset_scripts.readers import read_gaze

        given["gaze"] = read_gaze(arguments.gaze, participant=arguments.participant, stimulus=arguments.stimulus)
    from modeling_emert.answers_emert import answer
    from training.evaluation.load_model import load_answering_network, saved_method
    from training.methods.registry import only_given

    network, processor = load_answering_network(model)
    recording = only_given(processor.load(**given, face=arguments.face), saved_method(model))
    result = answer(network, processor, recording)
    result["trained_on"] = _training_data(model)
    result["quality"] |= _verdict(recording)
    print(json.dumps(result, indent=2) if arguments.json else as_text(result))


def _verdict(recording) -> dict:
    """What `emert data inspect` says of the recording."""
    from dataset_scripts.inspection.quality import measure_loaded

    quality = measure_loaded(recording)
    return {"verdict": quality.verdict, "reasons": list(quality.reasons)}


def _training_data(model: Path) -> str | None:
    from modeling_emert.constants_emert import RECORD_FILE
    from training.evaluation.model_folder import read_record, sources_of

    return (" and ".join(sources_of(read_record(model))) or None) if (model / RECORD_FILE).is_file() else None


def as_text(result: dict) -> str:
    """The answer for a person: two columns of bars, the numbers, the face over time, the gap, and what it rests on."""
    tasks = result["tasks"]
    lines = []
    if result["trained_on"] == "synthetic":
        lines += ["This model was trained on generated recordings: its answers about real people mean nothing.", ""]
    lines += _whole_clip(result["timeline"])
    for size in (7, 3):
        lines += _classes(tasks, size)
    if "perceived3" in tasks:
        lines += ["perceived in the stimulus", *_bars(tasks["perceived3"]), ""]
    lines += _numbers(tasks)
    lines += _over_time(result["timeline"])
    if result["gap"] is None:
        lines.append(f"no gap between felt and shown: {result['gap_reason']}")
    else:
        end = "1 nothing in common" if result["gap_level"] != "valence" else "1 opposite ends"
        lines.append(f"gap between felt and shown, {result['gap_level']}: {result['gap']:.2f}  (0 the same, {end})")
    lines.append(f"used: {', '.join(result['modalities']) or 'nothing'}")
    # The reason why there is no gap is often one of these sentences, and has been said above.
    lines += dict.fromkeys(one["words"] for one in result["evidence"].values() if one["words"] != result["gap_reason"])
    lines += _quality(result["quality"])
    lines += [f"note: {note}" for note in result["notes"]]
    return "\n".join(lines)


def _whole_clip(timeline: list[dict] | None) -> list[str]:
    """Above the clip's figures: that they are of all of it, where the face changes."""
    from modeling_emert.answers_emert import shown_in_turn

    changes = ", then ".join(shown_in_turn(timeline))
    return [f'over the whole clip, in which the face changes: {changes} (see "shown over time")', ""] if changes else []


def _over_time(timeline: list[dict] | None) -> list[str]:
    """The likeliest emotion shown in each frame; equal neighbours are one line."""
    if not timeline:
        return []
    from modeling_emert.answers_emert import finest_shown

    finest = finest_shown(timeline)
    lines = ["shown over time (each moment by itself; above, the clip as a whole)"]
    for label, frames in groupby(timeline, key=lambda one: max(one[finest], key=one[finest].get)):
        frames = list(frames)
        mean = sum(one[finest][label] for one in frames) / len(frames)
        lines.append(f"{frames[0]['time_ms'] / 1000:6.1f} to {frames[-1]['time_ms'] / 1000:5.1f} s  {label:<11} {mean:4.2f}")
    return [*lines, ""]


def _classes(tasks: dict, size: int) -> list[str]:
    """Felt and shown side by side, or the one that there is."""
    views = {f"{title}, {size} classes": tasks.get(f"{view}{size}") for view, title in VIEW_WORDS.items()}
    columns = {title: _bars(labels) for title, labels in views.items() if labels}
    if not columns:
        return []
    width = 12 + _BAR + 8
    rows = [[title.ljust(width) for title in columns], *zip(*columns.values(), strict=True)]
    return ["".join(cell.ljust(width) for cell in row).rstrip() for row in rows] + [""]


def _bars(labels: dict[str, float]) -> list[str]:
    return [f"{label:<11} {value:4.2f} {'█' * round(value * _BAR)}" for label, value in labels.items()]


def _numbers(tasks: dict) -> list[str]:
    lines = []
    for view, title in (("er", "felt"), ("fer", "shown")):
        if values := tasks.get(f"{view}_va"):
            lines.append(f"{title:<6} valence {values['valence']:+.2f}  arousal {values['arousal']:+.2f}  (each -1..1)")
    single = [f"{title}_{label}" for title in ("felt", "shown") for label in ("valence", "arousal")]
    lines += [f"{name.replace('_', ' ')} {tasks[name][name]:+.2f}  (-1..1)" for name in single if name in tasks]
    if values := tasks.get("fer_intensity"):
        lines.append(f"shown  intensity {values['intensity']:.2f}  (0..3)")
    return lines


def _quality(quality: dict) -> list[str]:
    reasons = f": {'; '.join(quality['reasons'])}" if quality["reasons"] else ""
    lines = [f"quality of the recording: {quality['verdict']}{reasons}"]
    if quality["gaze_missing_fraction"] is not None:
        lines.append(f"gaze samples without a gaze point: {quality['gaze_missing_fraction']:.0%}")
    if quality["face_detected_fraction"] is not None:
        lines.append(f"frames with a face: {quality['face_detected_fraction']:.0%}")
    return lines
