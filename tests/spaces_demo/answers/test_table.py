"""The table of many answers, as CSV and Parquet."""

import io

import pandas as pd

from spaces_demo.answers.messages import Reply
from spaces_demo.answers.verdict import as_csv, as_parquet, table_row
from spaces_demo.files.pair import Pair


def test_no_cell_of_the_table_is_a_formula():
    rows = [table_row(Pair("=1+1", gaze_name="@x.csv"), Reply(refusal='-bad,\n"file"'))]
    table = pd.read_csv(io.BytesIO(as_csv(rows)), keep_default_na=False)
    assert table.iloc[0].to_dict() == {
        "recording": "'=1+1", "video": "", "gaze": "'@x.csv", "problem": "'-bad, \"file\"", "remarks": ""
    }  # fmt: skip
    assert pd.read_parquet(io.BytesIO(as_parquet(rows)))["recording"].tolist() == ["=1+1"]
