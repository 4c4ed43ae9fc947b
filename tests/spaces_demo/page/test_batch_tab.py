"""Batches on the running page and by programs: their recordings, remarks, downloads, and the files that are deleted."""

import base64
import io
import json
import re
import shutil
import zipfile
from pathlib import Path

import httpx
import pandas as pd
import pytest
from demo_answers import an_answer
from gradio_client import Client, handle_file
from running_space import SKIPPED, Server, answer_batch, left_behind

from spaces_demo.answers.messages import Reply
from spaces_demo.answers.verdict import table_row
from spaces_demo.files.pair import Pair


def make_zip(path: Path, files: dict[str, Path | str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content if isinstance(content, str) else content.read_bytes())
    return path


def pupil_export(seconds: int = 6) -> dict[str, str]:
    """A small export of Pupil Core; the gaze does not move within a fixation."""
    times = [number / 50 for number in range(seconds * 50)]
    gaze = [f"{time:.2f},1,0.99,{0.3 + 0.1 * (int(time) % 3):.2f},0.5" for time in times]
    fixations = [f"{second},{second}.1,700,{0.3 + 0.1 * (second % 3):.2f},0.5" for second in range(seconds)]
    return {
        "gaze_positions.csv": "\n".join(["gaze_timestamp,world_index,confidence,norm_pos_x,norm_pos_y", *gaze]),
        "fixations.csv": "\n".join(["id,start_timestamp,duration,norm_pos_x,norm_pos_y", *fixations]),
        "blinks.csv": "id,start_timestamp,duration,start_frame_index\n1,1.9,0.1,1",
    }


def ask_page(server: Server, button: str, data: list) -> list[list]:
    """Clicks a button as the browser does; gives the outputs of each reply."""
    url = server[0]
    config = httpx.get(f"{url}config").json()
    (target,) = (one["id"] for one in config["components"] if one["props"].get("elem_id") == button)
    (event,) = (one for one in config["dependencies"] if [target, "click"] in one["targets"])
    while not event["backend_fn"]:  # a step of the browser alone comes before
        (event,) = (one for one in config["dependencies"] if one["trigger_after"] == event["id"])
    question = {"data": data, "fn_index": event["id"], "session_hash": button}
    assert httpx.post(f"{url}gradio_api/queue/join", json=question).status_code == 200
    replies = []
    with httpx.stream("GET", f"{url}gradio_api/queue/data", params={"session_hash": button}, timeout=60) as stream:
        for line in stream.iter_lines():
            event = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
            if event.get("msg") in ("process_generating", "process_completed"):
                assert event["success"], event
                replies.append(event["output"]["data"])
            if event.get("msg") == "process_completed":
                return replies
    raise AssertionError("the page did not finish")


def uploaded(server: Server, *files: Path) -> list[dict]:
    sent = [("files", (file.name, file.read_bytes())) for file in files]
    paths = httpx.post(f"{server[0]}gradio_api/upload", files=sent).json()
    return [{"path": path, "meta": {"_type": "gradio.FileData"}} for path in paths]


@pytest.mark.parametrize("button", ["ask", "ask-all"])
def test_the_running_page_leaves_neither_file_nor_folder(server: Server, clips: Path, button: str):
    gaze = uploaded(server, clips / "gaze" / "p000-s000.csv")
    ask_page(server, button, [None, None, gaze[0], "", None, "", ""] if button == "ask" else [gaze, None])
    # Gradio makes one folder of its own, whoever comes.
    assert [path for path in server[1].uploads.folder.rglob("*") if path.name != "vibe_edit_history"] == []


def test_the_page_counts_along(server: Server, clips: Path):
    files = [str(shutil.copy(clips / "gaze" / f"{name}.csv", server[1].uploads.folder)) for name in ("p000-s000", "p001-s000")]
    statuses = [status for status, _ in answer_batch(server[1], files, None)]
    assert [re.sub(r"<[^>]+>", "", status).strip() for status in statuses] == [
        "reading the files", "0 of 2 done", "1 of 2 done", "2 of 2 done", "2 answered."
    ]  # fmt: skip


def test_nothing_dropped_or_a_wrong_batch_keeps_the_last_table(server: Server):
    ((status, table),) = answer_batch(server[1], None, None)
    assert "There is no file in this batch" in status
    assert table == SKIPPED
    wrong = server[1].uploads.folder / "a.zip"
    wrong.write_text("no zip")
    *_, (status, table) = answer_batch(server[1], [str(wrong)], None)
    assert "a.zip: not a zip file" in status
    assert table == SKIPPED


def test_the_downloads_of_the_page_hold_the_complete_table(server: Server, clips: Path):
    uploads = server[1].uploads.folder
    for part, suffix in (("videos", "mp4"), ("gaze", "csv")):
        (uploads / f"a.{suffix}").write_bytes((clips / part / f"p000-s000.{suffix}").read_bytes())
    (uploads / "bad.csv").write_text("hello")
    *_, (status, page) = answer_batch(server[1], [str(uploads / name) for name in ("a.mp4", "a.csv", "bad.csv")], None)
    assert "1 answered, 1 refused." in status
    assert "Without a video: bad." in page
    links = re.findall(r'href="data:[^,]+,([^"]+)" download="answers\.(\w+)"', page)
    tables = {kind: io.BytesIO(base64.b64decode(content)) for content, kind in links}
    csv, parquet = pd.read_csv(tables["csv"]), pd.read_parquet(tables["parquet"])
    assert csv["er7/fear"][0] == parquet["er7/fear"][0]
    assert not (uploads / "a.mp4").exists()
    assert parquet["video"].tolist() == ["a.mp4", ""]


def test_an_export_is_answered_in_a_batch_as_by_itself(client: Client, server: Server, clips: Path, tmp_path: Path):
    export = pupil_export()
    alone = make_zip(tmp_path / "alone.zip", export)
    batch = make_zip(
        tmp_path / "batch.zip",
        {f"{person}/{name}": content for person in ("p1", "p2") for name, content in export.items()}
        | {"p1/face.mp4": clips / "videos" / "p000-s000.mp4"},
    )
    one = client.predict(video=None, gaze=handle_file(alone), participant="", model="", api_name="/answer")
    rows = client.predict(files=[handle_file(batch)], model="", api_name="/batch")["rows"]
    assert [(row["recording"], row["video"], row["problem"]) for row in rows] == [("p1", "face.mp4", None), ("p2", "", None)]
    assert {name: rows[1][f"er7/{name}"] for name in one["tasks"]["er7"]} == one["tasks"]["er7"]
    assert one["measured"]["fixations"] == 6
    assert "with the files beside it: fixations.csv, blinks.csv." in rows[1]["remarks"]
    # The refusal of a broken companion file names its folder and the file.
    export["fixations.csv"] = "id\n1"
    (broken,) = client.predict(
        files=[handle_file(make_zip(tmp_path / "c.zip", {f"p1/{name}": text for name, text in export.items()}))],
        model="",
        api_name="/batch",
    )["rows"]
    assert broken["problem"].startswith("p1/")
    assert str(tmp_path.anchor + "tmp") not in broken["problem"]
    assert left_behind(server) == []


def test_of_several_zips_each_is_a_folder(client: Client, clips: Path, tmp_path: Path):
    """Two people's files of one name are not one recording."""
    anna = make_zip(tmp_path / "anna.zip", {"rec.mp4": clips / "videos" / "p000-s000.mp4"})
    ben = make_zip(tmp_path / "ben.zip", {"rec.csv": clips / "gaze" / "p001-s001.csv"})
    found = client.predict(files=[handle_file(anna), handle_file(ben)], model="", api_name="/batch")
    assert [row["recording"] for row in found["rows"]] == ["anna/rec", "ben/rec"]
    assert "anna/rec.mp4 and ben/rec.csv have one name but lie in two folders" in found["left_out"]


def test_several_peoples_gaze_is_refused_with_what_can_be_done(client: Client, crowd: Path):
    (row,) = client.predict(files=[handle_file(crowd)], model="", api_name="/batch")["rows"]
    assert row["problem"].startswith("crowd.csv holds several recordings; answer it under 'One clip' (programs: by /answer)")


def test_the_longest_names_keep_their_ends(client: Client, server: Server, tmp_path: Path):
    """Gradio takes no more than 200 bytes of a name."""
    names = [f"{'long-' * 40}{number}" for number in (1, 2)]
    for name in names:
        (tmp_path / f"{name}.csv").write_text("hello")
    files = [tmp_path / f"{name}.csv" for name in names]
    rows = client.predict(files=[handle_file(file) for file in files], model="", api_name="/batch")["rows"]
    assert [row["recording"][-6:] for row in rows] == ["long-1", "long-2"]
    assert {row["gaze"] for row in rows} == {f"{row['recording']}.csv" for row in rows}
    assert min(len(row["recording"]) for row in rows) > 150
    *_, (_, page) = ask_page(server, "ask-all", [uploaded(server, *files), None])
    assert len(set(re.findall(r">(long-[^<]*)</td>", page))) == 2


def test_the_table_says_what_its_columns_are_and_shows_problems_where_they_are_seen():
    from spaces_demo.page.batch_tab import table_html

    page = table_html([table_row(Pair("p1"), Reply(an_answer())), table_row(Pair("p2"), Reply(refusal="bad " * 100))])
    assert '<th scope="col">felt (ER)</th><th scope="col">shown (FER)</th>' in page
    assert '<td colspan="5"><div class="emert-problem">bad bad' in page
    assert len(page) < 1200  # the downloads hold the complete sentence
