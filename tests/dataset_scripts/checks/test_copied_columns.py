"""A column that holds one participant's values for everybody gives the stimulus away, and `verify` says so."""

import numpy as np
import pandas as pd
import pytest

from dataset_scripts.build.build import build
from dataset_scripts.checks.verify import verify
from dataset_scripts.sources import open_source

PEOPLE, CLIPS, SAMPLES = 6, 4, 40


@pytest.mark.parametrize(("copied", "status"), [(True, "fail"), (False, "pass")])
def test_copied_columns_are_found(tmp_path, copied, status):
    """Everyone's pupil is their own; the amplitude is drawn once for each clip, or for each recording."""
    random = np.random.default_rng(0)
    rows = []
    amplitudes = random.uniform(1, 20, (CLIPS, SAMPLES)).round(3)
    for person in range(PEOPLE):
        for clip in range(CLIPS):
            name = f"p{person}-s{clip}"
            own = amplitudes[clip] if copied else random.uniform(1, 20, SAMPLES).round(3)
            # Others stop watching sooner, so that no two recordings are alike as a whole.
            length = SAMPLES - person
            gaze = {
                "time_ms": 10 * np.arange(length),
                "gaze_x": random.uniform(0, 1, length).round(4),
                "gaze_y": random.uniform(0, 1, length).round(4),
                "pupil_left": random.uniform(2, 5, length).round(3),
                "saccade_amplitude": own[:length],
            }
            pd.DataFrame(gaze).to_csv(tmp_path / f"{name}.csv", index=False)
            label = ("positive", "negative", "neutral")[clip % 3]
            rows.append({"recording_id": name, "participant": f"p{person}", "stimulus": f"s{clip}", "er3": label})
            rows[-1]["gaze"] = f"{name}.csv"
    pd.DataFrame(rows).to_csv(tmp_path / "recordings.csv", index=False)
    out = build(open_source("folder", tmp_path), tmp_path.parent / f"{tmp_path.name}-built", num_workers=1)
    (finding,) = [one for one in verify(out) if one.check == "copied columns"]
    assert finding.status == status, finding
    if copied:
        assert "saccade_amplitude" in finding.sentence
        assert "of their values" in finding.sentence
