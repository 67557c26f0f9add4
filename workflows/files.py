"""Resources as a tree of files, in the Knock CLI's directory form (contract: management-api §5).

`workflows/<key>/workflow.json`, `layouts/<key>/layout.json`, `partials/<key>/partial.json`, `guides/<key>/guide.json` with
the files that their `field@` references name, and `translations/<locale>/…`. A document that was read keeps, under
`__files`, the JSON files it was read from: so a tree that is pushed and pulled into an empty directory is the same to the
byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workflows.errors import DocumentInvalid, Problem
from workflows.file_reader import Document, Reader
from workflows.file_writer import files_of, references_of
from workflows.parse.normal import SOURCES, plain
from workflows.parse.translations import parse_key
from workflows.paths import resolve
from workflows.translation_files import file_name, read_translations, translation_text

__all__ = [
    "SOURCES",
    "Document",
    "Library",
    "plain",
    "read_audience",
    "read_guide",
    "read_layout",
    "read_library",
    "read_partial",
    "read_workflow",
    "write_audience",
    "write_guide",
    "write_layout",
    "write_partial",
    "write_translation",
    "write_workflow",
]

WORKFLOW, LAYOUT, PARTIAL, GUIDE = "workflow.json", "layout.json", "partial.json", "guide.json"
AUDIENCE = "audience.json"


@dataclass(frozen=True, slots=True)
class Library:
    """Documents by key, not yet parsed. A translation's key is `en`, `en/admin` or `en/admin~acme`."""

    workflows: dict[str, Document]
    layouts: dict[str, Document]
    partials: dict[str, Document] = field(default_factory=dict)
    translations: dict[str, Document] = field(default_factory=dict)
    guides: dict[str, Document] = field(default_factory=dict)
    audiences: dict[str, Document] = field(default_factory=dict)


def read_workflow(directory: Path) -> Document:
    """The document of one workflow, every `field@` replaced by `field` with the file's content.

    A reference is relative to the file that contains it and stays inside of the directory. `.json` files are parsed, but
    for fields that are text (`json_body`, `body` …); others are text. Raises `DocumentInvalid` with every problem; a
    problem's path is where the reference stands.
    """
    return Reader(directory, f"workflow `{directory.name}`").read(WORKFLOW)


def read_layout(directory: Path) -> Document:
    """The document of one layout; see `read_workflow`."""
    return Reader(directory, f"layout `{directory.name}`").read(LAYOUT)


def read_partial(directory: Path) -> Document:
    """The document of one partial; see `read_workflow`."""
    return Reader(directory, f"partial `{directory.name}`").read(PARTIAL)


def read_guide(directory: Path) -> Document:
    """The document of one guide; see `read_workflow`."""
    return Reader(directory, f"guide `{directory.name}`").read(GUIDE)


def read_audience(directory: Path) -> Document:
    """The document of one audience; see `read_workflow`."""
    return Reader(directory, f"audience `{directory.name}`").read(AUDIENCE)


def read_library(root: Path) -> Library:
    """Every resource below `root`: workflows, layouts, partials, translations, guides and audiences.

    Directories without the resource's file are none. Raises `DocumentInvalid` with the problems of all documents.
    """
    problems: list[Problem] = []
    library = Library(
        _read_each(root / "workflows", WORKFLOW, read_workflow, problems),
        _read_each(root / "layouts", LAYOUT, read_layout, problems),
        _read_each(root / "partials", PARTIAL, read_partial, problems),
        read_translations(root, problems),
        _read_each(root / "guides", GUIDE, read_guide, problems),
        _read_each(root / "audiences", AUDIENCE, read_audience, problems),
    )
    if problems:
        raise DocumentInvalid(f"library {root}", problems)
    return library


def _read_each(
    parent: Path, main: str, read: Callable[[Path], Document], problems: list[Problem]
) -> dict[str, Document]:
    documents = {}
    for file in sorted(parent.glob(f"*/{main}")):
        try:
            documents[file.parent.name] = read(file.parent)
        except DocumentInvalid as error:
            place = file.relative_to(parent.parent)
            problems += [Problem(f"{place}: {found.path}", found.value, found.expected) for found in error.problems]
    return documents


def write_workflow(directory: Path, document: Mapping[str, Any]) -> list[str]:
    """Writes one workflow; the paths of the files that changed or went.

    Over a tree that is there, fields stay in the files (or inline) where that tree has them, a JSON file whose content is
    the same keeps its bytes, and files that the tree no longer refers to are removed. All other files are left alone.
    """
    return _write(directory, WORKFLOW, document)


def write_layout(directory: Path, document: Mapping[str, Any]) -> list[str]:
    """See `write_workflow`."""
    return _write(directory, LAYOUT, document)


def write_partial(directory: Path, document: Mapping[str, Any]) -> list[str]:
    """See `write_workflow`."""
    return _write(directory, PARTIAL, document)


def write_guide(directory: Path, document: Mapping[str, Any]) -> list[str]:
    """See `write_workflow`."""
    return _write(directory, GUIDE, document)


def write_audience(directory: Path, document: Mapping[str, Any]) -> list[str]:
    """See `write_workflow`."""
    return _write(directory, AUDIENCE, document)


def write_translation(directory: Path, key: str, document: Mapping[str, Any]) -> list[str]:
    """Writes one translation below `directory` (`translations`); the path of its file when that changed.

    When the tree has it in the other format, that file is removed.
    """
    form = "po" if document.get("format") == "po" else "json"
    locale = parse_key(key).locale
    path, other = (f"{locale}/{file_name(key, each)}" for each in (form, "po" if form == "json" else "json"))
    there = directory / path
    text = translation_text(
        document, there.name, there.read_bytes().decode(errors="replace") if there.is_file() else None
    )
    changed = _put(directory, {path: text})
    return changed + _remove(directory, {other})


def _write(directory: Path, main: str, document: Mapping[str, Any]) -> list[str]:
    there = _json_files(directory, main)
    files = files_of(main, document, there)
    changed = _put(directory, files)
    return changed + _remove(directory, references_of(main, there) - files.keys())


def _json_files(directory: Path, main: str) -> dict[str, str]:
    """The JSON files of the tree that is there, by path; empty when there is none."""
    texts: dict[str, str] = {}
    waiting = [main]
    while waiting:
        path = waiting.pop()
        file = directory / path
        if path not in texts and file.is_file() and file.resolve().is_relative_to(directory.resolve()):
            texts[path] = file.read_bytes().decode(errors="replace")
            waiting += [each for each in references_of(path, texts) if each.endswith(".json")]
    return texts


def _put(directory: Path, files: Mapping[str, str]) -> list[str]:
    changed = []
    for path, text in files.items():
        file = _inside(directory, path)
        content = text.encode()
        if not file.is_file() or file.read_bytes() != content:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            changed.append(path)
    return changed


def _remove(directory: Path, paths: set[str]) -> list[str]:
    """Removes files, and the directories that this leaves empty."""
    removed = sorted(path for path in paths if _inside(directory, path).is_file())
    for path in removed:
        file = directory / path
        file.unlink()
        for parent in file.parents[: path.count("/")]:
            if not any(parent.iterdir()):
                parent.rmdir()
    return removed


def _inside(directory: Path, path: str) -> Path:
    """Raises `DocumentInvalid` for a path that leads out of the directory, also by a link."""
    file = directory / path
    if resolve("", path) is None or not file.resolve().is_relative_to(directory.resolve()):
        raise DocumentInvalid(directory.name, [Problem(path, path, "a file inside of the resource's directory")])
    return file
