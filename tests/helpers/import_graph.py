"""Who imports whom among the four rooms, read from the source: imports anywhere in a file, and names of modules in strings."""

import ast
from collections.abc import Iterator
from pathlib import Path

from places import ROOT

ROOMS = ("modeling_emert", "dataset_scripts", "training", "spaces_demo")  # each may import those before it
SOURCES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]

Graph = dict[str, set[str]]


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def import_graph(paths: list[Path] = SOURCES) -> Graph:
    """By module: the modules of ours that it names, packages' `__init__` among them, itself not."""
    modules = {module_of(path) for path in SOURCES}
    return {module_of(path): {name for name in _named(path, modules) if name != module_of(path)} for path in paths}


def _named(path: Path, modules: set[str]) -> Iterator[str]:
    package = path.parent.relative_to(ROOT).parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            outer = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*outer, *([node.module] if node.module else [])])
            found = [f"{base}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # For `import_module`, now or later. `modeling_emert.EmertModel` is a file and class of a model folder.
            found = {name for name in [node.value.partition(":")[0]] if "." in name} & modules
        else:
            continue
        for name in found:
            module = name if name in modules else name.rpartition(".")[0]  # or something that a module defines
            if module in modules:
                yield module


def folder_graph(graph: Graph) -> Graph:
    """By folder below a room: the folders that its files import. A file at a room's top level is a box of its own."""
    folders: Graph = {}
    for module, imported in graph.items():
        own = folders.setdefault(box_of(module), set())
        own |= {box_of(name) for name in imported} - {box_of(module)}
    return folders


def box_of(module: str) -> str:
    """`training.fit` for every file in it; the module itself at a room's top level."""
    return ".".join(module.split(".")[:2])


def circles(graph: Graph) -> list[list[str]]:
    """The strongly connected sets of more than one member, by Tarjan's algorithm; sorted."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph.get(name, ())):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            members = []
            while not members or members[-1] != name:
                members.append(stack.pop())
            if len(members) > 1:
                found.append(sorted(members))

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return sorted(found)
