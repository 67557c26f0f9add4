"""Walking through documents of which nothing is known yet: what has another shape is passed by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workflows.errors import Problem
from workflows.shape import join

Node = Mapping[str, Any]
WAYS = ("branches", "cohort_branches")


@dataclass(frozen=True, slots=True)
class Place:
    """A node and its path. `depth` counts the branches and experiments around it."""

    path: str
    node: Node
    depth: int = 0

    def part(self, name: str) -> Place:
        """The object of that name, or an empty one."""
        return Place(join(self.path, name), part(self.node, name), self.depth)

    def has(self, name: str) -> bool:
        """Whether there is an object of that name."""
        return isinstance(self.node.get(name), Mapping)

    def items(self, name: str) -> Iterator[Place]:
        """The objects in the list of that name."""
        items = self.node.get(name)
        for index, item in enumerate(items if isinstance(items, list) else []):
            if isinstance(item, Mapping):
                yield Place(join(self.path, name, index), item, self.depth)

    def problem(self, name: str, expected: str) -> Problem:
        """What is wrong with the field of that name, or with its absence."""
        return Problem(join(self.path, name), self.node.get(name), expected)

    def missing(self, name: str, expected: str) -> Iterator[Problem]:
        if name not in self.node:
            yield self.problem(name, expected)


def part(node: Node, name: str) -> Node:
    found = node.get(name)
    return found if isinstance(found, Mapping) else {}


def steps_of(place: Place) -> Iterator[Place]:
    """Every step, those inside of branches too, in the order they are written."""
    for step in place.items("steps"):
        yield step
        for name in WAYS:
            for way in step.items(name):
                yield from steps_of(Place(way.path, way.node, step.depth + 1))
