"""A resource's directory as one document: every `field@` becomes `field` with the content of the file it names."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workflows.errors import DocumentInvalid, Problem
from workflows.excerpts import place_at
from workflows.file_writer import TEXTS, VERBATIM
from workflows.parse.normal import SOURCES
from workflows.shape import join

Document = dict[str, Any]

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass
class Reader:
    """One reading of one directory. Collects problems; a reference with a problem is left out of the document."""

    directory: Path
    name: str
    problems: list[Problem] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    _referred: set[Path] = field(default_factory=set)

    def read(self, file_name: str) -> Document:
        """The document, and under `__files` the JSON files that it was read from. Raises `DocumentInvalid`."""
        document = self._load("", "", file_name, self.directory / file_name, ())
        if not self.problems and not isinstance(document, dict):
            self.problems.append(Problem("", document, f"an object in {file_name}"))
        if self.problems:
            raise DocumentInvalid(self.name, self.problems)
        return {**document, SOURCES: self.sources}

    def _load(self, path: str, name: str, reference: object, file: Path, chain: tuple[Path, ...]) -> Any:
        """The content of the field of that name, its file's own references resolved; `chain` are the files that led to it."""
        if not self._is_readable(path, reference, file, chain):
            return None
        text = self._text(path, reference, file)
        if text is None or file.suffix != ".json" or name in TEXTS:
            return text
        content = self._json(path, reference, text)
        self.sources[file.resolve().relative_to(self.directory.resolve()).as_posix()] = text
        return self._resolved(path.removesuffix("@"), content, (*chain, file.resolve()))

    def _is_readable(self, path: str, reference: object, file: Path, chain: tuple[Path, ...]) -> bool:
        resolved, expected = file.resolve(), ""
        if not resolved.is_relative_to(self.directory.resolve()):
            expected = "a file inside of the resource's directory"
        elif not resolved.is_file():
            expected = "a file that exists"
        elif resolved in chain:
            expected = "a file that does not refer back to itself"
        elif resolved in self._referred:
            expected = "a file that no other field refers to"
        self._referred.add(resolved)
        return self._complain(path, reference, expected)

    def _complain(self, path: str, reference: object, expected: str) -> bool:
        if expected:
            self.problems.append(Problem(path, reference, expected))
        return not expected

    def _text(self, path: str, reference: object, file: Path) -> str | None:
        """To the letter: the ends of lines are kept as they are."""
        try:
            text = file.read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            self._complain(path, reference, f"a readable file in UTF-8: {error}")
            return None
        self._complain(path, reference, "text without the character U+0000" if "\x00" in text else "")
        return text

    def _json(self, path: str, reference: object, text: str) -> Any:
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            place = place_at(text, error.pos)
            where = f"line {place.line}, column {place.column}"
            self._complain(path, reference, f"valid JSON; {where}: {error.msg}\n{place.excerpt}")
        except RecursionError:
            self._complain(path, reference, "JSON that is not nested so deeply")
        return None

    def _resolved(self, path: str, node: Any, chain: tuple[Path, ...]) -> Any:
        if isinstance(node, list):
            return [self._resolved(join(path, index), item, chain) for index, item in enumerate(node)]
        if isinstance(node, str) and _UNSTORABLE.search(node):
            self._complain(path, node, "text without U+0000 and halves of characters")
        if not isinstance(node, dict):
            return node
        resolved = {name: self._field(join(path, name), name, node, chain) for name in node if not name.endswith("@")}
        references = [name for name in node if name.endswith("@")]
        return resolved | {name[:-1]: self._referred_to(path, name[:-1], node[name], chain) for name in references}

    def _field(self, path: str, name: str, node: Document, chain: tuple[Path, ...]) -> Any:
        return node[name] if name in VERBATIM else self._resolved(path, node[name], chain)

    def _referred_to(self, path: str, name: str, reference: object, chain: tuple[Path, ...]) -> Any:
        place = join(path, f"{name}@")
        if not isinstance(reference, str):
            self._complain(place, reference, "the path of a file")
            return None
        return self._load(place, name, reference, chain[-1].parent / reference, chain)
