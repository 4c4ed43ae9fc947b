"""README and docs keep their word: every code block of every page runs, every link leads somewhere."""

import re
from pathlib import Path

import pytest
from pages import PAGES, blocks, lay_out, run_page
from places import ROOT

# These have recordings of their own: tests/test_docs_emer.py, tests/test_docs_people.py
OWN = {"docs/emer.md", "docs/people/README.md"}
RUN = [page for page in PAGES if page not in OWN and blocks(page)]
SLOW = [page for page in RUN if any(block.slow for block in blocks(page))]
LINKED = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "training" / "recipes" / "README.md"])


@pytest.fixture
def workplace(tmp_path: Path, recordings: Path, data, model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    lay_out(tmp_path, recordings, data.folder, model)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", RUN)
def test_every_block_of_the_page_runs(workplace: Path, page: str):
    run_page(page, slow=False)


@pytest.mark.slow
@pytest.mark.parametrize("page", SLOW)
def test_the_slow_blocks_run_too(workplace: Path, page: str):
    run_page(page, slow=True)


@pytest.mark.parametrize("path", LINKED, ids=lambda path: str(path.relative_to(ROOT)))
def test_its_links_lead_somewhere(path: Path):
    """Those within the repository; pictures also have words for those who can't see them."""
    broken = []
    for picture, words, target in re.findall(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)", _without_code(path)):
        name, _, anchor = target.partition("#")
        if re.match(r"https?:|mailto:", target):
            continue
        found = (path.parent / name).resolve() if name else path
        lost = not found.exists() or not found.is_relative_to(ROOT) or (anchor and anchor not in _anchors(found))
        if lost or (picture and not words):
            broken.append(target)
    assert broken == []


def test_the_index_has_every_page():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert pages <= set(re.findall(r"^\| \[[^\]]+\]\(([\w.]+)\) \| \w", index, flags=re.MULTILINE))
    assert all(f"(docs/{name})" in (ROOT / "README.md").read_text(encoding="utf-8") for name in ("README.md", "quick_tour.md"))


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_a_page_begins_with_what_it_is_for(path: Path):
    title, first, *_ = path.read_text(encoding="utf-8").split("\n\n")
    assert re.fullmatch(r"# .+", title)
    assert re.match(r"[A-Z`]\w* ?\w", first), "words before the first heading, table or code"


def _without_code(path: Path) -> str:
    return re.sub(r"^```.*?^```$|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def _anchors(path: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.S | re.M), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
