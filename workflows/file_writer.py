"""A document as files: what goes where, so that a tree that was read and is written again is the same to the byte.

A document does not say how its files looked, so there is a *reference*: the JSON files of the tree that is written over;
or, into an empty directory, those that were read when the document was published (`__files`); or the paths that the Knock
CLI sends along (`html_body@` beside `html_body`). Where the reference puts a field, the field goes, in a file of that name
or inline; in the reference's order; and a JSON file whose content is the same keeps its text. What the reference does not
know goes where the CLI would put it, in the order of the alphabet.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workflows.checks.texts import parsed
from workflows.parse.normal import JSON_TEXTS, SOURCES, json_text
from workflows.paths import default_path, extension, relative, resolve

VERBATIM = frozenset(("trigger_data_json_schema",))
"""Fields whose content is somebody else's format: `@` means nothing in there."""

TEXTS = JSON_TEXTS | {"content"}
"""Fields that are text even in a file whose name ends with `.json`."""

_LAST = {"__readonly": 2, "$schema": 3}


def files_of(main: str, document: Mapping[str, Any], reference: Mapping[str, str] | None = None) -> dict[str, str]:
    """The content of every file by its path, `main` among them (`workflow.json`).

    `reference` are the JSON texts, by path, of the tree that is there already; see above for what counts without one.
    """
    writer = _Writer(reference or sources_of(document) or dict(_implied(main, document)), {main: ""})
    own = {name: value for name, value in document.items() if name != SOURCES}
    place = _Place(main, None, (), writer.old(main))
    writer.files[main] = writer.text(main, writer.node(own, place), ending="\n")
    return writer.files


def sources_of(document: Mapping[str, Any]) -> dict[str, str]:
    """The JSON files, by path, that a document was read from; empty when it was not read from files."""
    sources = document.get(SOURCES)
    found = sources.items() if isinstance(sources, Mapping) else ()
    return {path: text for path, text in found if isinstance(text, str) and resolve("", str(path)) == path}


def references_of(main: str, texts: Mapping[str, str]) -> set[str]:
    """The path of every file that a tree's JSON files refer to, however deep."""
    found: set[str] = set()
    waiting = [main]
    while waiting:
        file = waiting.pop()
        node, problem = parsed(texts.get(file, ""))
        paths = set() if problem else set(_paths(file, node)) - found
        found |= paths
        waiting += sorted(paths & texts.keys())
    return found


def _paths(file: str, node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _paths(file, item)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name.endswith("@") and isinstance(value, str):
                path = resolve(file, value)
                if path is not None:
                    yield path
            elif name not in VERBATIM:
                yield from _paths(file, value)


def _implied(file: str, node: Any) -> Iterator[tuple[str, str]]:
    """The JSON files that a document implies which has references beside its fields."""
    collected: dict[str, str] = {}
    yield file, dumped(_without_contents(file, node, collected))
    yield from collected.items()


def _without_contents(file: str, node: Any, collected: dict[str, str]) -> Any:
    if isinstance(node, list):
        return [_without_contents(file, item, collected) for item in node]
    if not isinstance(node, Mapping):
        return node
    kept = {}
    for name in sorted(set(node) - _LAST.keys(), key=lambda name: (name.endswith("@"), name)):
        value = node[name]
        path = resolve(file, reference) if isinstance(reference := node.get(f"{name}@"), str) else None
        if path is not None and isinstance(value, list | Mapping):
            collected[path] = dumped(_without_contents(path, value, collected))
        elif path is None and (name.endswith("@") or extension(name, node) is None):
            kept[name] = value if name in VERBATIM else _without_contents(file, value, collected)
    return kept


def dumped(node: Any) -> str:
    """As JavaScript's `JSON.stringify(node, null, 2)`."""
    return json.dumps(node, ensure_ascii=False, indent=2)


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same; `1`, `1.0` and `true` are not."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@dataclass(frozen=True, slots=True)
class _Old:
    """What the reference has in a place, and the file that it stands in."""

    file: str
    node: Any

    def child(self, name: str | int) -> _Old | None:
        if isinstance(name, int):
            items = self.node if isinstance(self.node, list) else []
            return _Old(self.file, items[name]) if name < len(items) else None
        return _Old(self.file, self.node[name]) if isinstance(self.node, dict) and name in self.node else None

    def reference(self, name: str) -> str | None:
        """The path that `name@` means."""
        reference = self.node.get(f"{name}@") if isinstance(self.node, dict) else None
        return resolve(self.file, reference) if isinstance(reference, str) else None

    def has(self, ref: str) -> bool:
        """Whether this is the step of that reference."""
        return isinstance(self.node, dict) and self.node.get("ref") == ref

    def names(self) -> list[str]:
        return [name.removesuffix("@") for name in self.node] if isinstance(self.node, dict) else []


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value goes: the file, the step around it, the trail from there, and what the reference has there."""

    file: str
    ref: str | None
    trail: tuple[str | int, ...]
    old: _Old | None

    def inside(self, name: str | int) -> _Place:
        return _Place(self.file, self.ref, (*self.trail, name), self.old.child(name) if self.old else None)


@dataclass
class _Writer:
    reference: Mapping[str, str]
    files: dict[str, str]

    def __post_init__(self) -> None:
        nodes = {path: parsed(text)[0] for path, text in self.reference.items()}
        self._nodes = nodes
        self._steps = {ref: _Old(path, step) for path in nodes for ref, step in _steps(nodes[path])}
        self._reserved = {path for file, node in nodes.items() for path in _paths(file, node)}

    def old(self, path: str) -> _Old | None:
        return _Old(path, self._nodes[path]) if path in self._nodes else None

    def text(self, path: str, node: Any, ending: str = "") -> str:
        """The JSON of a file; the reference's own text when that says the same."""
        if path in self._nodes and same(self._nodes[path], node):
            return self.reference[path]
        return dumped(node) + ending

    def node(self, value: Any, place: _Place) -> Any:
        """The value as it stands in its file; what stands in other files is added to `files`."""
        if isinstance(value, list):
            return [self.node(item, self._item(item, index, place)) for index, item in enumerate(value)]
        if not isinstance(value, Mapping):
            return value
        written = {}
        for name in _ordered(value, place.old):
            path = self._path(name, value, place)
            if path is None:
                within = place.inside(name)
                written[name] = value[name] if name in VERBATIM | TEXTS else self.node(value[name], within)
            else:
                self._extract(path, name, value[name], place)
                written[f"{name}@"] = relative(place.file, path)
        return _references_last(written, place.old)

    def _item(self, item: Any, index: int, place: _Place) -> _Place:
        """Everything is found by its number, but a step by its reference, wherever it was before."""
        within = place.inside(index)
        ref = item.get("ref") if isinstance(item, Mapping) and place.trail[-1:] == ("steps",) else None
        if not isinstance(ref, str):
            return within
        is_there = within.old is not None and within.old.has(ref)
        return _Place(place.file, ref, (), within.old if is_there else self._steps.get(ref))

    def _path(self, name: str, node: Mapping[str, Any], place: _Place) -> str | None:
        """The file that a field gets; None when it stays inline."""
        value = node[name]
        if value is None or name in _LAST:
            return None
        chosen = place.old.reference(name) if place.old else None
        is_text = name in TEXTS and chosen is not None and chosen.endswith(".json")
        if chosen and chosen not in self.files and (is_text or _may_hold(chosen, name, value)):
            return chosen
        if not chosen and place.old and place.old.child(name):
            return None
        ending = extension(name, node)
        if ending is None or not _may_hold(f".{ending}", name, value) or _is_broken_json(ending, value):
            return None
        return self._free(default_path(place.ref, (*place.trail, name), ending))

    def _free(self, path: str) -> str:
        """That path; when it is another file's, with a number after its folder (or its name, when it has no folder)."""
        taken = {*self.files, *self._reserved, *self.reference}
        separator = "/" if "/" in path else "."
        first, _, rest = path.partition(separator)
        number = 1
        while any(_collide(path, other) for other in taken):
            number += 1
            path = f"{first}_{number}{separator}{rest}"
        return path

    def _extract(self, path: str, name: str, value: Any, place: _Place) -> None:
        if name in TEXTS or (isinstance(value, str) and not path.endswith(".json")):
            self.files[path] = json_text(value)
            return
        self.files[path] = ""  # taken, while what is inside looks for files of its own
        within = _Place(path, place.ref, (*place.trail, name), self.old(path))
        self.files[path] = self.text(path, value if name in VERBATIM else self.node(value, within))


def _may_hold(path: str, name: str, value: Any) -> bool:
    """Whether a file of that name is read as the value that it was written for."""
    if isinstance(value, str):
        return True
    return path.endswith(".json") and isinstance(value, list | Mapping) and name not in TEXTS


def _is_broken_json(ending: str, value: Any) -> bool:
    """Liquid around JSON is no JSON, and the CLI reads no `.json` file that is none."""
    return ending == "json" and isinstance(value, str) and bool(parsed(value)[1])


def _collide(path: str, other: str) -> bool:
    """Whether one is the other or lies inside of it, also where capitals make no difference."""
    one, two = path.casefold(), other.casefold()
    return one == two or one.startswith(f"{two}/") or two.startswith(f"{one}/")


def _ordered(node: Mapping[str, Any], old: _Old | None) -> list[str]:
    names = [name for name in node if not name.endswith("@")]
    known = [name for name in dict.fromkeys(old.names() if old else ()) if name in names]
    return [*known, *sorted(set(names) - set(known), key=lambda name: (_LAST.get(name, 0), name))]


def _references_last(written: dict[str, Any], old: _Old | None) -> dict[str, Any]:
    """New references stand after new fields, as the CLI writes them."""
    known = set(old.names()) if old else set()

    def rank(key: str) -> int:
        name = key.removesuffix("@")
        if name in known:
            return 0
        return _LAST.get(name, 1 if key.endswith("@") else 0)

    return dict(sorted(written.items(), key=lambda item: rank(item[0])))


def _steps(node: Any) -> Iterator[tuple[str, Any]]:
    """Every step of a reference's document, by its reference."""
    if not isinstance(node, dict):
        return
    steps = node.get("steps")
    for step in steps if isinstance(steps, list) else []:
        if isinstance(step, dict) and isinstance(step.get("ref"), str):
            yield step["ref"], step
        for ways in ("branches", "cohort_branches"):
            branches = step.get(ways) if isinstance(step, dict) else None
            for branch in branches if isinstance(branches, list) else []:
                yield from _steps(branch)
