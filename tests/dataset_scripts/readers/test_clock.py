"""The clock of every reader: restarts, wrong times, rates, samples with equal times."""

import numpy as np
import pytest

from dataset_scripts.readers import read_gaze
from dataset_scripts.readers.clock import restarts, rising
from modeling_emert.errors_emert import EmertInputError

STEPS = np.arange(100) * 8.0


def lengths(*parts) -> list[int]:
    return [len(rows) for rows in restarts("a.csv", np.concatenate([np.atleast_1d(part) for part in parts]))]


@pytest.mark.parametrize("second", [STEPS, STEPS + 4, STEPS + 200, STEPS - 5000, STEPS - 1e9, STEPS + 1e9])
def test_a_clock_set_back_or_on_by_over_a_day_begins_another_recording(second):
    assert lengths(STEPS, second) == [100, 100]
    assert lengths(STEPS, np.nan, second, STEPS[:60] - 2e9) == [101, 100, 60]


@pytest.mark.parametrize("wrong", [-1e18, 0.0, 1e18, 1e300])
def test_a_few_wrong_times_are_no_restart_and_are_dropped(wrong):
    late = STEPS + 500_000
    for times in ([wrong, *late], [*late[:50], wrong, *late[50:]], [*late, wrong]):
        times = np.array(times)
        assert lengths(times) == [101]
        order, relative, notes = rising(times)
        np.testing.assert_array_equal(relative, STEPS)
        np.testing.assert_array_equal(times[order], late)
        assert [note[:2] for note in notes] == ["1 "]


def test_rows_a_little_out_of_order_are_sorted():
    times = STEPS[np.r_[1, 0, 2, 5, 4, 3, 6:100]]
    assert lengths(times) == [100]
    _, relative, notes = rising(times)
    np.testing.assert_array_equal(relative, STEPS)
    assert "sorted" in notes[0]


def test_rows_of_two_recordings_in_turn_are_refused():
    with pytest.raises(EmertInputError, match=r"a.csv has times that go back 99 times, first from 9000 to 8 ms at sample 3,"):
        restarts("a.csv", np.stack([STEPS, STEPS + 9000], axis=1).ravel())


@pytest.mark.parametrize("factor", [1e-6, 1e-3, 1e3, 1e6])
def test_a_unit_that_gives_no_rate_of_an_eye_tracker_is_refused(factor):
    with pytest.raises(EmertInputError, match=r"a second, where 2.5 to 2,500 are expected; mend it"):
        rising(STEPS * factor, "a.csv", advice="mend it")
    rising(STEPS[:4] * factor, "a.csv")  # too few to tell


@pytest.mark.parametrize(
    ("step", "hint"),
    [
        (8333.0, "microseconds: divide by 1000"),
        (500.0, "microseconds: divide by 1000"),
        (0.00833, "seconds: multiply by 1000"),
        (0.05, "seconds: multiply by 1000"),
        (60_000.0, None),  # 17 Hz in microseconds, or a table of minutes
        (0.06, None),
        (0.0001, None),
        (8.3e6, None),
    ],
)
def test_of_times_that_should_be_ms_the_likely_unit_is_said_and_they_stay_refused(step, hint):
    with pytest.raises(EmertInputError) as caught:
        rising(np.arange(20) * step, "a.csv", advice="mend it", in_ms=True)
    assert str(caught.value).endswith(f"; mend it; these look like {hint}" if hint else "; mend it")
    with pytest.raises(EmertInputError, match=r"; mend it$"):  # of another unit, in which the file has them
        rising(np.arange(20) * step, "a.csv", advice="mend it")


@pytest.mark.parametrize("factor", [1e3, 1e-3])
def test_our_own_tables_are_told_the_likely_unit(tmp_path, factor):
    hint = "microseconds: divide by 1000" if factor > 1 else "seconds: multiply by 1000"
    rows = "".join(f"{time * factor:g},0.5,0.5\n" for time in STEPS)
    (tmp_path / "own.csv").write_text("time_ms,gaze_x,gaze_y\n" + rows)
    with pytest.raises(EmertInputError, match=f"write time_ms in milliseconds; these look like {hint}"):
        read_gaze(tmp_path / "own.csv")
    (tmp_path / "table.csv").write_text("t,x,y\n" + rows)
    for unit, told in (("ms", True), ("us" if factor < 1 else "s", False)):
        text = f"time: {{column: t, unit: {unit}}}\ncolumns: {{gaze_x: x, gaze_y: y}}\n"
        (tmp_path / "gaze_mapping.yaml").write_text(text)
        with pytest.raises(EmertInputError, match="say the unit of time in the mapping") as caught:
            read_gaze(tmp_path / "table.csv")
        assert (hint in str(caught.value)) == told


def test_many_equal_times_are_spread_by_a_stated_rate_and_else_refused():
    times = np.repeat(np.arange(200.0), 2)  # 2,000 Hz in whole ms
    order, relative, notes = rising(times, rate=2000)
    np.testing.assert_array_equal(relative, np.arange(400) / 2)
    assert len(order) == 400
    assert "spread by the rate of 2000 Hz" in notes[0]
    with pytest.raises(EmertInputError, match="200 of 400 samples with the time of another one"):
        rising(times, "a.csv")
    with pytest.raises(EmertInputError, match="the same time in all 400 samples"):
        rising(np.full(400, 1.7e12), "a.csv")
    _, relative, notes = rising(np.r_[np.arange(100.0), 99.0])
    assert len(relative) == 100
    assert "1 samples with the time of the sample before" in notes[0]


def test_another_rate_than_stated_is_said():
    assert rising(STEPS, rate=125)[2] == []
    assert rising(STEPS, rate=250)[2] == ["The file states 250 samples a second, and its times give 125.0."]
