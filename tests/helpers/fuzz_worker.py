"""Reads files in a separate process with limits of time and memory; it is replaced if it dies or hangs."""

import gc
import multiprocessing
import resource
import sys
import tempfile
import time
import traceback
import warnings
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

import numpy as np

from dataset_scripts.readers.clock import RATES_HZ
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

MIN_RATED = 10  # samples: fewer tell no rate
MAX_SECONDS, MAX_BYTES = 10.0, 1_000_000_000  # of computing
_MOST_SECONDS = 300.0  # by the clock
_HARD_BYTES = 6_000_000_000  # of addresses: saves the machine, not the test


def complaint(recordings: list[Gaze]) -> str | None:
    """The first property that a reader's result violates; None if it is valid."""
    if not recordings:
        return "no recording and no error"
    for gaze in recordings:
        if gaze.times_ms is not None and gaze.eye_movements is not None:
            if not np.isfinite(gaze.times_ms).all() or not (np.diff(gaze.times_ms) > 0).all():
                return "times that don't rise or aren't finite"
            if len(gaze.times_ms) and gaze.times_ms[0] != 0:
                return f"times that begin at {gaze.times_ms[0]}"
            if np.isinf(gaze.eye_movements).any():
                return "infinite values"
            if gaze.out_of_bounds().any():
                return "values that no eye can have"
            rate = 1000 / np.median(np.diff(gaze.times_ms)) if len(gaze.times_ms) > MIN_RATED else 100.0
            if not 0.9 * RATES_HZ[0] <= rate <= 1.1 * RATES_HZ[1]:
                return f"a rate of {rate} samples a second"
        if gaze.fixations is not None and not np.isfinite(gaze.fixations).all():
            return "fixations that aren't finite"
        if any("\n" in note for note in gaze.notes):
            return "a note of several lines"
    return None


@dataclass(frozen=True)
class Outcome:
    """`problem`: None for valid recordings or a refusal. `said`: the refusal, or the number and format of the recordings.

    `megabytes`: the peak, over the start.
    """

    problem: str | None
    said: str
    seconds: float
    megabytes: float


def _memory(name: str) -> int:
    """Bytes of VmRSS or VmHWM of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def read_in_process(path: Path) -> tuple[str | None, str]:
    """Problem and result as in `Outcome`, without a watch on time and memory. A warning is a problem."""
    from dataset_scripts.readers import read_gaze_recordings

    unraised: list[str] = []
    hook, sys.unraisablehook = sys.unraisablehook, lambda what: unraised.append(f"{what.err_msg}: {what.exc_value!r}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            # What an earlier test of this process left, a server's loop, may be freed at any time.
            warnings.filterwarnings("ignore", "unclosed event loop", ResourceWarning)
            recordings = read_gaze_recordings(path)
    except EmertInputError as error:
        message = str(error)
        return ("a refusal of several lines" if "\n" in message else unraised[0] if unraised else None), message
    except KeyboardInterrupt:
        raise
    except BaseException:  # the panics of extensions are no Exception
        return traceback.format_exc(limit=-6), ""
    finally:
        sys.unraisablehook = hook
    problem = unraised[0] if unraised else complaint(recordings)
    return problem, f"{len(recordings)} recordings of {recordings[0].format if recordings else None}"


def _serve(connection: Connection) -> None:
    import dataset_scripts.readers  # noqa: F401

    resource.setrlimit(resource.RLIMIT_AS, (_HARD_BYTES, _HARD_BYTES))
    gc.collect()
    gc.freeze()  # else every collection looks through all modules again
    start = _memory("VmRSS")
    connection.send("ready")
    while (path := connection.recv()) is not None:
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts anew
        begun = time.process_time()  # of this process alone: the machine may be busy with others
        problem, said = read_in_process(path)
        seconds, megabytes = time.process_time() - begun, (_memory("VmHWM") - start) / 1e6
        connection.send(Outcome(problem, said, seconds, megabytes))
        gc.collect()


class Worker:
    """Use it in `with`; `read` may be called any number of times."""

    def __enter__(self) -> Self:
        self._scratch = tempfile.TemporaryDirectory(prefix="emert-fuzz-")
        self.folder = Path(self._scratch.name)
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()
        self._scratch.cleanup()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, child_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(child_end,), daemon=True)
        self._process.start()
        child_end.close()
        assert self._connection.poll(120), "the reading process does not start"
        assert self._connection.recv() == "ready"

    def read(self, path: Path) -> Outcome:
        """Reads one file; too slow, too large or dead is a problem like any other."""
        self._connection.send(path)
        try:
            outcome = self._connection.recv() if self._connection.poll(_MOST_SECONDS) else None
            problem = f"no answer after {_MOST_SECONDS:g} s"
        except EOFError:
            outcome, problem = None, "the process died"
        if outcome is None:
            self._process.kill()
            self._process.join()
            self._start()
            return Outcome(problem, "", 0.0, 0.0)
        if outcome.problem is None and outcome.seconds > MAX_SECONDS:
            return Outcome(f"took {outcome.seconds:.1f} s", outcome.said, outcome.seconds, outcome.megabytes)
        if outcome.problem is None and outcome.megabytes > MAX_BYTES / 1e6:
            return Outcome(f"took {outcome.megabytes:.0f} MB", outcome.said, outcome.seconds, outcome.megabytes)
        return outcome
