"""Excel workbooks: the cells of the first sheet, and the same as a text table for the readers of eye trackers' exports."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

from modeling_emert.errors_emert import EmertInputError

from ...common.extras import how_to_install

MAX_BYTES = 1 << 29  # unpacked; an hour at 60 Hz with 40 columns takes 400 MB
MAX_RATIO, RATIO_FREE_BYTES = 100, 1 << 25  # unpacked over packed: real exports have 3 to 20; small files may have more
_INSIDE = "xl/workbook.xml"
_CHUNK = 1 << 20  # characters

Cell = float | int | str


def is_workbook(path: Path) -> bool:
    """Whether it is a workbook in the format .xlsx, by its content."""
    try:
        if not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            return _INSIDE in archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False


def read_rows(path: Path) -> Iterator[list[Cell]]:
    """The rows of the first sheet, all as long as its longest; an empty cell is "". Blank rows are left out.

    Raises `EmertInputError` for a workbook that is damaged, locked or too large, and where python-calamine is not installed.
    """
    try:
        from python_calamine import CalamineWorkbook  # in Rust: a sheet of 1,466 x 39 takes 0.1 s
    except ImportError as error:
        raise EmertInputError(f"{path}: a workbook, which python-calamine reads; {how_to_install('data')}") from error
    _check_size(path)
    try:
        for row in CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).iter_rows():
            if any(cell != "" for cell in row):
                yield row
    except (GeneratorExit, MemoryError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # of damaged files also Rust's panic, which is no Exception
        reason = " ".join(str(error).split())[:100]
        raise EmertInputError(f"{path}: a workbook that can't be read ({reason}); save it again as .xlsx") from error


def _check_size(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > min(MAX_BYTES, max(RATIO_FREE_BYTES, MAX_RATIO * path.stat().st_size)):
        raise EmertInputError(f"{path}: unpacks to {size:,} bytes, more than is read of a workbook; export it as text (TSV)")


def text_chunks(path: Path) -> Iterator[bytes]:
    """The first sheet as text with tabs, in UTF-8. Raises `EmertInputError` as `read_rows`."""
    lines, length = [], 0
    for row in read_rows(path):
        lines.append("\t".join(map(cell_text, row)))
        length += len(lines[-1])
        if length > _CHUNK:
            yield ("\n".join(lines) + "\n").encode()
            lines, length = [], 0
    yield "".join(f"{line}\n" for line in lines).encode()


def cell_text(cell: object) -> str:
    """Numbers in full, whole ones without a point; texts in one line."""
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    return " ".join(str(cell).split()) if isinstance(cell, str) else str(cell)
