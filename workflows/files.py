"""Reading resource directories: `workflow.json` or `layout.json`, and the files that their `field@` references name."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workflows.errors import DocumentInvalid, Problem
from workflows.excerpts import place_at
from workflows.shape import join

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Library:
    """Documents by key, not yet parsed."""

    workflows: dict[str, Document]
    layouts: dict[str, Document]


def read_workflow(directory: Path) -> Document:
    """The document of one workflow, every `field@` replaced by `field` with the file's content.

    A reference is relative to the file that contains it and stays inside of the directory; `.json` files are parsed,
    others are text. Raises `DocumentInvalid` with every problem; a problem's path is where the reference stands.
    """
    return _Reader(directory, f"workflow `{directory.name}`").read("workflow.json")


def read_layout(directory: Path) -> Document:
    """The document of one layout; see `read_workflow`."""
    return _Reader(directory, f"layout `{directory.name}`").read("layout.json")


def read_library(root: Path) -> Library:
    """Every resource below `root`: `workflows/<key>/workflow.json` and `layouts/<key>/layout.json`.

    Directories without that file are none. Raises `DocumentInvalid` with the problems of all documents.
    """
    problems: list[Problem] = []
    library = Library(
        _read_each(root / "workflows", "workflow.json", read_workflow, problems),
        _read_each(root / "layouts", "layout.json", read_layout, problems),
    )
    if problems:
        raise DocumentInvalid(f"library {root}", problems)
    return library


def _read_each(
    parent: Path, file_name: str, read: Callable[[Path], Document], problems: list[Problem]
) -> dict[str, Document]:
    documents = {}
    for file in sorted(parent.glob(f"*/{file_name}")):
        try:
            documents[file.parent.name] = read(file.parent)
        except DocumentInvalid as error:
            place = file.relative_to(parent.parent)
            problems += [Problem(f"{place}: {found.path}", found.value, found.expected) for found in error.problems]
    return documents


@dataclass
class _Reader:
    """One reading of one directory. Collects problems; a reference with a problem is left out of the document."""

    directory: Path
    name: str
    problems: list[Problem] = field(default_factory=list)

    def read(self, file_name: str) -> Document:
        document = self._load("", file_name, self.directory / file_name, ())
        if not self.problems and not isinstance(document, dict):
            self.problems.append(Problem("", document, f"an object in {file_name}"))
        if self.problems:
            raise DocumentInvalid(self.name, self.problems)
        return dict(document)

    def _load(self, path: str, reference: object, file: Path, chain: tuple[Path, ...]) -> Any:
        """The content of a file, its own references resolved; `chain` are the files that led to it."""
        if not self._is_readable(path, reference, file, chain):
            return None
        text = self._text(path, reference, file)
        if text is None or file.suffix != ".json":
            return text
        content = self._json(path, reference, text)
        return self._resolved(path.removesuffix("@"), content, (*chain, file.resolve()))

    def _is_readable(self, path: str, reference: object, file: Path, chain: tuple[Path, ...]) -> bool:
        resolved, expected = file.resolve(), ""
        if not resolved.is_relative_to(self.directory.resolve()):
            expected = "a file inside of the resource's directory"
        elif not resolved.is_file():
            expected = "a file that exists"
        elif resolved in chain:
            expected = "a file that does not refer back to itself"
        return self._complain(path, reference, expected)

    def _complain(self, path: str, reference: object, expected: str) -> bool:
        if expected:
            self.problems.append(Problem(path, reference, expected))
        return not expected

    def _text(self, path: str, reference: object, file: Path) -> str | None:
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            self._complain(path, reference, f"a readable file in UTF-8: {error}")
            return None

    def _json(self, path: str, reference: object, text: str) -> Any:
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            place = place_at(text, error.pos)
            where = f"line {place.line}, column {place.column}"
            self._complain(path, reference, f"valid JSON; {where}: {error.msg}\n{place.excerpt}")
            return None

    def _resolved(self, path: str, node: Any, chain: tuple[Path, ...]) -> Any:
        if isinstance(node, list):
            return [self._resolved(join(path, index), item, chain) for index, item in enumerate(node)]
        if not isinstance(node, dict):
            return node
        resolved = {name: self._resolved(join(path, name), value, chain) for name, value in _plain(node)}
        return resolved | {name[:-1]: self._referred(join(path, name), node[name], chain) for name in _references(node)}

    def _referred(self, path: str, reference: object, chain: tuple[Path, ...]) -> Any:
        if not isinstance(reference, str):
            self._complain(path, reference, "the path of a file")
            return None
        return self._load(path, reference, chain[-1].parent / reference, chain)


def _plain(node: Document) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in node.items() if not name.endswith("@")]


def _references(node: Document) -> list[str]:
    return [name for name in node if name.endswith("@")]
