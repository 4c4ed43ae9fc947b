"""How figures and facts of a benchmark are written, the same in Markdown and on the page."""

from training.metrics import METRIC_TITLES

VIEWS = {"er": "felt emotion (ER)", "fer": "shown emotion (FER)", "perceived": "perceived emotion"}
VERSIONS = {"plain": "new participants", "strict": "participants and stimuli both new"}
SCALING = {
    "training": "gaze standardised by the training participants",
    "participant": "gaze standardised by each participant's own recordings, test participants' included, without labels",
}
SIGNIFICANT = 0.05
NOTHING, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"  # where a figure is not there; before a negative one


def protocol_title(task: str, view: str) -> str:
    return f"{task}: {VIEWS[view]}"


def metric_title(name: str) -> str:
    return METRIC_TITLES[name]


def two(value: float | None) -> str:
    """Two digits after the point; a dash where there is none."""
    return NOTHING if value is None else f"{round(value, 2) + 0.0:.2f}"  # + 0.0 turns -0.0 into 0.0


def signed(value: float | None) -> str:
    return NOTHING if value is None else f"{round(value, 2) + 0.0:+.2f}".replace("-", MINUS)


def span(figure: dict | None) -> str:
    """`[0.31, 0.42]`, nothing where there is no interval."""
    if figure is None or figure["low"] is None:
        return ""
    return f"[{two(figure['low'])}, {two(figure['high'])}]"


def p_value(value: float | None) -> str:
    if value is None:
        return NOTHING
    return "<0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def amount(value: float | None) -> str:
    """A count or a measured size for people: 251k, 1.2M, 36, 0.4."""
    if value is None:
        return NOTHING
    for size, sign in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.1f}{sign}" if value < 10 * size else f"{value / size:.0f}{sign}"
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def duration(seconds: float | None) -> str:
    if seconds is None:
        return NOTHING
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 1 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def describe_data(header: dict) -> str:
    data = header["data"]
    return (
        f"{data['source']}, {data['recordings']} recordings of {data['participants']} participants watching "
        f"{data['stimuli']} stimuli"
    )


def describe_splits(header: dict) -> list[str]:
    """One sentence a version."""
    folds = ", ".join(map(str, header["folds"]))
    return [
        f"{version} ({VERSIONS[version]}): test of fold {folds} of {header['data']['folds']}; in a fold "
        f"{sizes['train']} recordings train, {sizes['validation']} choose the epoch and settings, {sizes['test']} are tested"
        for version, sizes in header["data"]["split_sizes"].items()
    ]


def describe_significance(header: dict) -> str:
    seeds = "1 seed" if len(header["seeds"]) == 1 else f"{len(header['seeds'])} seeds pooled"
    text = (
        f"In brackets: {header['level']:.0%} interval, bootstrap of {header['n_resamples']} resamples of participants; "
        f"{seeds}, folds pooled."
    )
    if header["reference"] is None:
        return text
    return (
        f"{text} Δ: difference to EMERT; p: two-sided, from {header['n_resamples_of_p']} resamples that both share, after "
        "Holm over all methods of the table; p folds: "
        "Nadeau and Bengio's corrected t-test over the folds, where there are three or more."
    )


def describe_power(table: dict) -> str:
    """A sentence with a space before it where not even the clearest difference could come out; else nothing."""
    if table["smallest_p"] is None or table["smallest_p"] < SIGNIFICANT:
        return ""
    return (
        f" So few participants and resamples can show no difference among so many methods: the smallest p is "
        f"{p_value(table['smallest_p'])} after Holm."
    )


def best_of(table: dict) -> str | None:
    """The method with the highest score."""
    scored = [row for row in table["rows"] if not row["failed"] and row["metrics"][table["metric"]]["value"] is not None]
    return max(scored, key=lambda row: row["metrics"][table["metric"]]["value"])["method"] if scored else None
