"""The documentation says what is there: settings, files it links to, commands it tells to type.

`python -m tests.test_docs` writes docs/settings.md and docs/providers.md anew.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import Field
from pathlib import Path
from typing import Any

import click
import pytest

from doorbell.cli import main
from notify_workers.settings import setting_fields
from tests.provider_table import providers_page

ROOT = Path(__file__).parent.parent
SETTINGS = ROOT / "docs" / "settings.md"
PROVIDERS = ROOT / "docs" / "providers.md"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").glob("*/*.md"))]

HEADING = """# Settings

Every process of Doorbell reads its settings from the environment, once, when it starts. Whatever is wrong or missing is
said together, in one line. A variable that begins with `DOORBELL_` and is not in this table is an error too: it is a
typing error.

This page is made from `notify_workers/settings.py` by `python -m tests.test_docs`.

| variable | default | |
|---|---|---|
"""


def settings_page() -> str:
    return HEADING + "".join(_row(name, each) for name, each in setting_fields().items())


def _row(name: str, setting: Field[Any]) -> str:
    default = "" if setting.default is None else f"`{_written(setting.default)}`"
    return f"| `{name}` | {default} | {setting.metadata['doc']} |\n"


def _written(default: object) -> str:
    """As it would be written into the environment."""
    if isinstance(default, float):
        return str(default).removesuffix(".0")
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_the_page_of_settings_is_what_the_settings_say() -> None:
    assert SETTINGS.read_text() == settings_page(), "docs/settings.md is out of date: python -m tests.test_docs"


def test_the_page_of_providers_is_what_the_providers_say() -> None:
    assert PROVIDERS.read_text() == providers_page(), "docs/providers.md is out of date: python -m tests.test_docs"


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target:
                yield page, target


@pytest.mark.parametrize(("page", "target"), list(links()), ids=str)
def test_every_link_leads_to_a_file(page: Path, target: str) -> None:
    assert (page.parent / target).resolve().exists()


def commands() -> Iterator[str]:
    """What follows `doorbell` in the pages' code: in blocks from the start of a line, between backticks anywhere."""
    for page in PAGES:
        text = page.read_text()
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
            yield from re.findall(r"^(?:\S*/)?doorbell (.+)$", block, re.MULTILINE)
        yield from re.findall(r"`doorbell ([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


@pytest.mark.parametrize("written", sorted(set(commands())))
def test_every_command_that_is_shown_exists_with_its_options(written: str) -> None:
    command: click.Command = main
    words = shlex.split(written.replace("…", "x").split(" #")[0])
    while isinstance(command, click.Group) and words:
        assert words[0] in command.commands, written
        command = command.commands[words.pop(0)]
    known = {"--help"} | {each for option in command.params for each in (*option.opts, *option.secondary_opts)}
    assert {word.partition("=")[0] for word in words if word.startswith("-")} <= known, written


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            waiting += [(page.parent / target).resolve() for origin, target in links() if origin == page]
    assert set(PAGES) <= reached


if __name__ == "__main__":
    SETTINGS.write_text(settings_page())
    PROVIDERS.write_text(providers_page())
