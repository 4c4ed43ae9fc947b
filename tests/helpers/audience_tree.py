"""Writes recordings in the layout of Audience Effects: two tables, blank rows in the second, lines that end with CRLF."""

from pathlib import Path

import numpy as np

from modeling_emert.columns_emert import ACTION_UNITS

CLIPS = {"A&B": "amusement", "Dark(1)": "fear", "Dark(2)": "fear", "Blue": "neutral"}
REPORTS = ("Pleasant", "Unpleasant", "Neutral")


def audience_tree(folder: Path, people: int = 6, seed: int = 0) -> Path:
    """Half of the people are in each table; the smile (AU12) grows with pleasure."""
    rng = np.random.default_rng(seed)
    names = ("private_id", "age", "gender", "ethnicity", "valence", "stimulus", "valence_self_report", *ACTION_UNITS, "AU12_c")
    for number, file in enumerate(("alone.txt", "social.txt")):
        lines = ["\t".join(names)]
        for person in range(number, people, 2):
            for clip, (stimulus, intended) in enumerate(CLIPS.items()):
                report = REPORTS[(person + clip) % 3]
                units = rng.uniform(0, 1, len(ACTION_UNITS))
                units[ACTION_UNITS.index("AU12")] += 2.0 * (report == "Pleasant")
                told = (18 + person, ("Female", "Male")[person % 2], ("White", "Asian/AsianBritish", "NA")[person % 3])
                facts = (1000 + person, *told, intended, stimulus, report, *(f"{unit:.6f}" for unit in units), 0.5)
                lines += ["\t".join(map(str, facts))] + (["\t" * (len(names) - 1)] if number else [])
        (folder / file).write_bytes("\r\n".join(lines).encode())
    return folder
