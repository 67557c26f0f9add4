"""The rules of the architecture that import-linter and ruff cannot state. Reads the source, imports nothing of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("doorbell", "api_shim", "notify_workers", "workflows")
LINES_PER_FILE = 400
LINES_PER_FUNCTION = 60
CELERY_FILES = {"notify_workers/queue.py", "notify_workers/tasks.py"}
ENVIRONMENT_FILES = {"notify_workers/settings.py"}


@dataclass(frozen=True)
class Source:
    path: str
    text: str
    tree: ast.Module


def sources(*folders: str) -> list[Source]:
    return [source(path) for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def source(path: Path) -> Source:
    text = path.read_text()
    return Source(path.relative_to(ROOT).as_posix(), text, ast.parse(text, path))


def imported(tree: ast.Module) -> Iterator[str]:
    """Full names of imported modules, also those imported inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def reads_environment(tree: ast.Module) -> bool:
    """Whether it names `os.environ` or `os.getenv`, in whatever way they were imported."""
    names = {"environ", "environb", "getenv", "getenvb"}
    return any(
        (isinstance(node, ast.Attribute) and node.attr in names)
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and names & {alias.name for alias in node.names})
        for node in ast.walk(tree)
    )


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def test_every_room_has_source() -> None:
    assert [room for room in ROOMS if not sources(room)] == []


def test_celery_is_imported_in_two_files_only() -> None:
    found = {
        each.path
        for each in sources(*ROOMS)
        if any(name.split(".")[0] in {"celery", "kombu"} for name in imported(each.tree))
    }
    assert found <= CELERY_FILES


def test_the_environment_is_read_in_one_file_only() -> None:
    assert {each.path for each in sources(*ROOMS) if reads_environment(each.tree)} == ENVIRONMENT_FILES


def test_no_file_is_too_long() -> None:
    lengths = {each.path: each.text.count("\n") for each in sources(*ROOMS, "benchmarks")}
    assert {path: lines for path, lines in lengths.items() if lines > LINES_PER_FILE} == {}


def test_no_function_is_too_long() -> None:
    lengths = {
        f"{each.path}:{function.lineno} {function.name}": length(function)
        for each in sources(*ROOMS, "benchmarks")
        if "migrations/versions" not in each.path
        for function in functions(each.tree)
    }
    assert {name: lines for name, lines in lengths.items() if lines > LINES_PER_FUNCTION} == {}


def test_the_library_holds_no_code() -> None:
    """`knock workflow pull --all` deletes whatever is not a resource."""
    assert sources("workflows/library") == []


@pytest.mark.parametrize(
    "line",
    [
        "import os\nos.environ['A']",
        "import os as system\nsystem.getenv('A')",
        "from os import environ",
    ],
)
def test_every_way_to_read_the_environment_is_seen(line: str) -> None:
    assert reads_environment(ast.parse(line))


def test_an_import_inside_a_function_is_seen() -> None:
    assert list(imported(ast.parse("def f():\n    from celery.app import Celery"))) == ["celery.app"]
