"""A hash of the code that decides a result, since a version number kept by hand is forgotten.

It covers the given modules and every module of ours that they import, inside functions too. Comments, docstrings and layout
do not count; any other change in one of these files gives another hash.
"""

import ast
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_SHARED_ROOMS = ("dataset_scripts", "modeling_emert")  # besides those of the entries


@cache
def code_fingerprint(entries: tuple[str, ...], exclude: tuple[str, ...] = (), root: Path = ROOT) -> str:
    """SHA-256 of the code in these files, each with its path. Arguments: as `code_files`."""
    digest = hashlib.sha256()
    for path in code_files(entries, exclude, root):
        digest.update(f"{path.relative_to(root).as_posix()}\n{_read(path).sha256}\n".encode())
    return digest.hexdigest()


def code_files(entries: Sequence[str], exclude: Sequence[str] = (), root: Path = ROOT) -> list[Path]:
    """The files of these modules and of all that they import, sorted. `root`: the folder of the packages.

    `entries`: also those imported by a name made at run time. `exclude`: modules or packages that decide nothing.
    """
    rooms = {*_SHARED_ROOMS, *(name.partition(".")[0] for name in entries)}
    waiting: list[str] = list(entries)
    found: dict[str, Path] = {}
    while waiting:
        module = waiting.pop()
        if module in found or module.partition(".")[0] not in rooms or _is_in(module, exclude):
            continue
        if path := _file_of(module, root):
            found[module] = path
            waiting += _imported(module, path, root)
    return sorted(found.values())


def _is_in(module: str, packages: Sequence[str]) -> bool:
    return any(f"{module}.".startswith(f"{name}.") for name in packages)


@cache
def _file_of(module: str, root: Path) -> Path | None:
    """None for a name that is no module, such as that of a function."""
    place = root.joinpath(*module.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


def _imported(module: str, path: Path, root: Path) -> Iterator[str]:
    """Modules that the file imports, and names in them that may be modules."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    yield module.rpartition(".")[0]  # importing a module runs the packages around it
    for node in _read(path).imports:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            base = _base(node, package)
            yield base
            lazy = _lazy_names(base, root)
            yield from (lazy.get(alias.name, f"{base}.{alias.name}") for alias in node.names)


def _base(node: ast.ImportFrom, package: str) -> str:
    """The module of `from ... import`, with a relative name resolved."""
    outer = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
    return ".".join([*outer, *([node.module] if node.module else [])])


def _lazy_names(package: str, root: Path) -> dict[str, str]:
    """Names that a package loads when they are asked for, with their modules: it declares them under `if TYPE_CHECKING`."""
    path = _file_of(package, root)
    if path is None or path.name != "__init__.py":
        return {}
    imports = [node for node in _read(path).typing_imports if isinstance(node, ast.ImportFrom)]
    return {alias.name: _base(node, package) for node in imports for alias in node.names}


@dataclass(frozen=True)
class _Code:
    """A file's import statements, apart from those under `if TYPE_CHECKING`, which never run; and the hash of its code."""

    imports: list[ast.Import | ast.ImportFrom]
    typing_imports: list[ast.Import | ast.ImportFrom]
    sha256: str


def _read(path: Path) -> _Code:
    return _read_version(path, path.stat().st_mtime_ns)


@cache
def _read_version(path: Path, _changed: int) -> _Code:
    tree = _WithoutDocstrings().visit(ast.parse(path.read_text(encoding="utf-8")))
    imports: dict[bool, list] = {False: [], True: []}
    for statement in tree.body:
        for_typing = isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"
        imports[for_typing] += [node for node in ast.walk(statement) if isinstance(node, ast.Import | ast.ImportFrom)]
    return _Code(imports[False], imports[True], hashlib.sha256(ast.dump(tree).encode()).hexdigest())


class _WithoutDocstrings(ast.NodeTransformer):
    """Removes strings that stand as statements."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str) else node
