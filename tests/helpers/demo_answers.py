"""An answer as the workers give it, for tests of what is made of it."""

from modeling_emert.tasks_emert import EMOTIONS, POLARITIES

ALL = ["face", "eye_movements", "fixations"]


def sharp(labels: tuple[str, ...], best: str) -> dict[str, float]:
    rest = 0.1 / (len(labels) - 1)
    return {label: 0.9 if label == best else rest for label in labels}


def an_answer(felt: str = "sadness", shown: str = "happiness", modalities: list[str] = ALL, **changes) -> dict:
    adds = dict.fromkeys(modalities, 0.2 if len(modalities) > 1 else None)
    answer = {
        "tasks": {
            "er3": sharp(POLARITIES, "negative"),
            "er7": sharp(EMOTIONS, felt),
            "er_va": {"valence": -0.5, "arousal": 0.1},
            "fer3": sharp(POLARITIES, "positive"),
            "fer7": sharp(EMOTIONS, shown),
            "fer_va": {"valence": 0.5, "arousal": 0.2},
            "fer_intensity": {"intensity": 1.5},
        },
        "evidence": {},
        "timeline": None,
        "gap_level": "seven emotions",
        "gap": 0.8 if len(modalities) == 3 else None,
        "gap_reason": None if len(modalities) == 3 else "Needs the eyes." if modalities == ["face"] else "Needs a face.",
        "modalities": modalities,
        "quality": {"gaze_missing_fraction": 0.1, "face_detected_fraction": 1.0},
        "notes": [],
        "calibrated": False,
        "contributions": {task: adds for task in ("er7", "fer7")},
        "attention": {"face": 0.5, "eye_movements": 0.3, "fixations": 0.2},
        "measured": {
            "samples": 100, "rate_hz": 60.0, "missing_fraction": 0.1, "blinks": 1, "fixations": 5, "fixation_method": "export",
            "face_frames": 8, "face_found_fraction": 1.0, "verdict": "good", "reasons": [], "gaze_format": "tobii_studio",
        },
    }  # fmt: skip
    answer |= changes
    untold = {
        name: values for name, values in answer["tasks"].items() if not answer["evidence"].get(name, {"told": True})["told"]
    }
    return answer | {
        "tasks": {name: values for name, values in answer["tasks"].items() if name not in untold},
        "untold": untold,
    }
