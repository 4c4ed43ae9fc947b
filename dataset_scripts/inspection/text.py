"""An inspection as text for a terminal of 100 columns."""

from collections.abc import Sequence
from textwrap import wrap

from modeling_emert.tasks_emert import TASKS

from .quality import BLINK_SOURCES, VERDICTS, Quality
from .summary import Inspection, Line, confusion, label_counts, note_counts, number_ranges, reason_counts, verdict_counts

WIDTH = 100
_SHOWN = 20  # recordings in the table
_PEOPLE_SHOWN = 20
_NOTES_SHOWN = 12
_NAME_WIDTH = 26


def as_text(inspection: Inspection) -> str:
    """All numbers of a single recording; of several a table of the worst, and totals."""
    lines = inspection.lines
    parts = [_one(lines[0])] if len(lines) == 1 and not inspection.problems else [_many(inspection), *_totals(lines)]
    return "\n\n".join(parts)


def table(header: Sequence[str], rows: Sequence[Sequence[object]], indent: int = 0) -> str:
    """Aligned columns: the first to the left, the others to the right where they hold numbers (or `-`)."""
    cells = [list(header), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    right = [column > 0 and all(_is_number(row[column]) for row in cells[1:]) for column in range(len(header))]
    lines = []
    for row in cells:
        aligned = [cell.rjust(w) if to_right else cell.ljust(w) for cell, w, to_right in zip(row, widths, right, strict=True)]
        lines.append((" " * indent + "  ".join(aligned)).rstrip())
    return "\n".join(lines)


def _cell(value: object) -> str:
    return "-" if value is None else " ".join(str(value).split())


def _is_number(text: str) -> bool:
    return text == "-" or text.rstrip(" %").replace(".", "", 1).replace("-", "", 1).replace("+", "", 1).isdigit()


def shorten(name: str, width: int = _NAME_WIDTH) -> str:
    """A long name keeps its beginning and its end, by which files differ; control characters become `?`."""
    name = "".join(sign if sign.isprintable() else "?" for sign in name)
    if len(name) <= width:
        return name
    head = (width - 1) // 2
    return f"{name[:head]}…{name[-(width - 1 - head) :]}"


# ---- one recording


def _one(line: Line) -> str:
    quality = line.quality
    labels = [f"{name} {value if isinstance(value, str) else f'{value:+.2f}'}" for name, value in line.labels.items()]
    facts = [
        ("verdict", quality.verdict),
        *(("", reason) for reason in quality.reasons),
        ("format", line.format),
        ("participant", line.participant),
        ("stimulus", line.stimulus),
        ("labels", ", ".join(labels) or None),
        *_numbers(quality),
        *(("note", note) for note in line.notes),
    ]
    shown = [(name, shorten(str(value), 1000)) for name, value in facts if value is not None]
    width = max(len(name) for name, _ in shown)
    text = [shorten(line.name, WIDTH)]
    for name, value in shown:
        first, *more = wrap(value, WIDTH - width - 4) or [""]
        text += [f"  {name:<{width}}  {first}", *(" " * (width + 4) + rest for rest in more)]
    return "\n".join(text)


def _fill(template: str, *values: object) -> str | None:
    """None where any value is None."""
    return None if any(value is None for value in values) else template.format(*values)


def _numbers(quality: Quality) -> list[tuple[str, str | None]]:
    """Name and value of each measurement; None where it is unknown."""
    samples = blinks = pupil = columns = None
    if quality.samples > 0:
        samples = f"{quality.samples} at {_fill('{:.1f}', quality.rate_hz) or '?'} Hz"
        source = BLINK_SOURCES.get(quality.blinks_from or "")
        blinks = _fill("{} ({:.1f} a minute), from {}", quality.blinks, quality.blinks_per_minute, source) or "unknown"
        pupil = _pupil(quality)
        columns = f"{len(quality.columns)} of 39: {', '.join(quality.columns)}"
    gap = _fill("{:.0f} ms", quality.largest_gap_ms) or "unknown"
    return [
        ("duration", _fill("{:.2f} s", quality.duration_s)),
        ("samples", samples or "none"),
        ("pauses", _fill("{:.2f} s without any row, not counted in fixations a second", quality.pauses_s or None)),
        ("data loss", _fill("{:.1%} of the samples expected at that rate", quality.data_loss)),
        ("precision", _fill("RMS-S2S {:.4g}, BCEA {:.4g} (fractions of the frame)", quality.rms_s2s, quality.bcea)),
        ("gaze missing", _fill("{:.1%}, largest gap {}", quality.missing_fraction, gap)),
        ("gaze beside the screen", _fill("{:.1%}", quality.outside_fraction)),
        ("blinks", blinks),
        ("fixations", _fixations(quality)),
        ("pupil", pupil),
        ("face", _fill("found in {:.0%} of {} frames", quality.face_found_fraction, quality.face_frames)),
        ("columns", columns),
    ]


def _fixations(quality: Quality) -> str:
    if quality.fixations is None:
        return "none known"
    rate = _fill(" ({:.2f} a second)", quality.fixations_per_second) or ""
    length = _fill(", mean {:.0f} ms, median {:.0f} ms", quality.fixation_mean_ms, quality.fixation_median_ms) or ""
    return f"{quality.fixations}{rate}{length}, from: {quality.fixation_method}"


def _pupil(quality: Quality) -> str:
    if quality.pupil_median is None or quality.pupil_range is None:
        return "not recorded"
    missing = _fill(", missing in {:.1%} of the samples with gaze", quality.pupil_missing_fraction) or ""
    low, high = quality.pupil_range
    return f"median {quality.pupil_median:.2f}, {low:.2f}..{high:.2f} {quality.pupil_unit}{missing}"


# ---- several


def _many(inspection: Inspection) -> str:
    lines = inspection.lines
    worst = sorted(lines, key=_badness, reverse=True)[:_SHOWN]
    header = ("recording", "format", "Hz", "s", "missing", "blinks/min", "fix/s", "face", "verdict")
    title = f"{len(lines)} recordings, {inspection.kind}"
    title += f"; the {_SHOWN} worst (--out FILE.csv writes all)" if len(lines) > _SHOWN else ""
    text = f"{title}\n\n{table(header, [_row(line) for line in worst], indent=2)}"
    if inspection.problems:
        text += f"\n\nnot read: {len(inspection.problems)}"
        for name, problem in list(inspection.problems.items())[:_SHOWN]:
            text += "".join(f"\n  {part}" for part in wrap(f"{shorten(name)}: {shorten(problem, 300)}", WIDTH - 2))
    return text


def _row(line: Line) -> tuple:
    quality = line.quality
    return (
        shorten(line.name),
        shorten(line.format or "-", 14),
        _fill("{:.1f}", quality.rate_hz),
        _fill("{:.1f}", quality.duration_s),
        _fill("{:.0%}", quality.missing_fraction),
        _fill("{:.1f}", quality.blinks_per_minute),
        _fill("{:.2f}", quality.fixations_per_second),
        _fill("{:.0%}", quality.face_found_fraction),
        quality.verdict,
    )


def _badness(line: Line) -> tuple:
    quality = line.quality
    return VERDICTS.index(quality.verdict), quality.missing_fraction or 0.0, len(quality.reasons)


def _totals(lines: list[Line]) -> list[str]:
    """The tables below the recordings, without those that are empty."""
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in verdict_counts(lines).items())
    reasons = "; ".join(f"{title} {count}" for title, count in reason_counts(lines).items())
    parts = [f"verdicts: {verdicts}" + (f"\nreasons, by recordings: {reasons}" if reasons else "")]
    if counts := note_counts(lines):
        listed = [f"{count:>5}  {shorten(note, 300)}" for note, count in list(counts.items())[:_NOTES_SHOWN]]
        wrapped = [part for one in listed for part in wrap(one, WIDTH - 2, subsequent_indent=" " * 7)]
        more = f"\n  and {len(counts) - _NOTES_SHOWN} others (--json has all)" if len(counts) > _NOTES_SHOWN else ""
        parts.append(
            "notes, by recordings (with the numbers of the first)\n" + "\n".join(f"  {part}" for part in wrapped) + more
        )
    parts += [_people(lines)] if any(line.participant for line in lines) else []
    for task, classes in label_counts(lines).items():
        rows = [(label, recordings, people) for label, (recordings, people) in classes.items()]
        parts.append(table((task, "recordings", "participants"), rows))
    if ranges := number_ranges(lines):
        rows = [(name, count, *(f"{number:+.2f}" for number in numbers)) for name, (count, *numbers) in ranges.items()]
        parts.append(table(("numbers", "recordings", "mean", "lowest", "highest"), rows))
    return parts + [part for size in (3, 7) if (part := _confusion(lines, size))]


def _people(lines: list[Line]) -> str:
    """Recordings and verdicts of each participant."""
    rows = []
    for name in sorted({line.participant or "-" for line in lines}):
        own = [line for line in lines if (line.participant or "-") == name]
        rows.append((shorten(name), len(own), len({line.stimulus for line in own}), *verdict_counts(own).values()))
    shown = sorted(rows, key=lambda row: -row[-1])[:_PEOPLE_SHOWN] if len(rows) > _PEOPLE_SHOWN else rows
    text = table((f"{len(rows)} participants", "recordings", "stimuli", *VERDICTS), shown)
    return text + (f"\nand {len(rows) - _PEOPLE_SHOWN} more" if len(rows) > _PEOPLE_SHOWN else "")


def _confusion(lines: list[Line], size: int) -> str | None:
    counts = confusion(lines, size)
    if counts is None:
        return None
    labels = TASKS[f"er{size}"].labels
    total, same = sum(map(sum, counts)), sum(counts[index][index] for index in range(size))
    rows = [(label, *row, sum(row)) for label, row in zip(labels, counts, strict=True)]
    title = f"felt (rows, er{size}) and shown (columns, fer{size}); the same in {same} of {total} ({same / total:.0%})"
    return f"{title}\n{table((f'er{size}', *labels, 'all'), rows, indent=2)}"
