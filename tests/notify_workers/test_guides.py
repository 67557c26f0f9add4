"""Guides as files, through workflows, and what is set beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from doorbell.cli import main
from notify_workers import guides, resources
from notify_workers.errors import InvalidParams, NotFound
from notify_workers.guides import Viewer, view
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine
from tests.guides import CHANNEL, guide, guide_step, publish
from workflows.errors import DocumentInvalid
from workflows.recipients import USERS, Reference

STEP = {"ref": "guide_1", "type": "channel", "channel_type": "in_app_guide", "channel_key": "in-app-guide"}


def shown(user: str = "jane", tenant: str | None = None) -> list[str]:
    with transaction() as tx:
        found = view(tx, Viewer(DEVELOPMENT, CHANNEL, Reference(USERS, user), tenant))
    return [each.guide.key for each in found.guides if each.reason is None]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["guides", *arguments])


def write(root: Path, key: str, document: dict[str, Any]) -> None:
    (root / "guides" / key).mkdir(parents=True)
    (root / "guides" / key / "guide.json").write_text(json.dumps(document, indent=2) + "\n")


def test_a_workflow_makes_its_recipients_eligible(engine: Engine) -> None:
    publish("onboarding", target_audience_key="guide:onboarding")
    engine.publish("signup", [{**STEP, "guide_key": "onboarding"}])
    engine.trigger("signup", ["jane"])
    engine.drain()
    assert shown("jane") == ["onboarding"]
    assert shown("joe") == []
    assert engine.count("messages") == 0
    assert "step_completed" in engine.log()


def test_a_tree_of_guides_is_pushed_and_pulled(engine: Engine, tmp_path: Path) -> None:
    step = {**guide_step(), "values": {"title": "Hi", "body@": "one/body.md"}}
    write(tmp_path / "there", "tour", {**guide(step), "$schema": "https://schemas.knock.app/cli/guide.json"})
    (tmp_path / "there/guides/tour/one").mkdir()
    (tmp_path / "there/guides/tour/one/body.md").write_text("**Hello** {{ recipient.name }}\n")
    assert resources.push_library(tmp_path / "there", DEVELOPMENT) == ["tour"]
    assert resources.push_library(tmp_path / "there", DEVELOPMENT) == []
    resources.pull_library(tmp_path / "here", DEVELOPMENT)
    files = {path.relative_to(tmp_path / "there") for path in (tmp_path / "there").rglob("*.*")}
    assert {path.relative_to(tmp_path / "here") for path in (tmp_path / "here").rglob("*.*")} == files
    assert all((tmp_path / "here" / each).read_bytes() == (tmp_path / "there" / each).read_bytes() for each in files)


def test_a_guide_that_was_not_pushed_comes_out_with_its_facts(engine: Engine, tmp_path: Path) -> None:
    publish("tour")
    resources.pull_library(tmp_path, DEVELOPMENT)
    written = json.loads((tmp_path / "guides/tour/guide.json").read_text())
    assert written["__readonly"] == {"environment": "development", "key": "tour", "active": True, "valid": True}
    assert resources.push_library(tmp_path, DEVELOPMENT) == ["tour"]


def test_a_guide_with_a_problem_is_not_published(engine: Engine, tmp_path: Path) -> None:
    write(tmp_path, "tour", guide(channel_key="email"))
    with pytest.raises(DocumentInvalid, match="channel_key"):
        resources.push_library(tmp_path, DEVELOPMENT)
    assert engine.count("resources") == 0


def test_a_template_looks_up_entities(engine: Engine) -> None:
    engine.identify("joe", name="Joe")
    publish("tour", guide_step(title='{% assign joe = "joe" | user %}{{ joe.name }}'))
    with transaction() as tx:
        (seen,) = view(tx, Viewer(DEVELOPMENT, CHANNEL, Reference(USERS, "jane"))).guides
    assert seen.contents == [{"title": "Joe"}]


def test_the_command_line_shows_hides_and_orders(engine: Engine) -> None:
    publish("aaa")
    publish("bbb")
    assert run("order", "bbb", "--interval", "60").exit_code == 0
    assert run("deactivate", "aaa").exit_code == 0
    lines = run("list").output.splitlines()
    assert [line.split()[:2] for line in lines] == [["bbb", "active"], ["aaa", "inactive"]]
    assert run("activate", "aaa", "--until", "2100-01-01").exit_code == 0
    assert run("archive", "bbb").exit_code == 0
    assert shown() == ["aaa"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("activate", "nope"), "There is no guide `nope`"),
        (("archive", "nope"), "There is no guide `nope`"),
        (("order", "nope"), "There is no guide `nope`"),
        (("order",), "name guides in their order"),
        (("activate", "tour", "--from", "soon"), "'soon' is not a time"),
    ],
)
def test_what_the_command_line_cannot_do_is_said(engine: Engine, arguments: tuple[str, ...], said: str) -> None:
    publish("tour")
    result = run(*arguments)
    assert result.exit_code != 0
    assert said in result.output


def test_a_time_that_ends_before_it_begins_is_refused(engine: Engine) -> None:
    publish("tour")
    result = run("activate", "tour", "--from", "2030-01-02", "--until", "2030-01-01")
    assert "until must be later than from" in result.output


def test_only_guides_that_exist_are_ordered(engine: Engine) -> None:
    publish("tour")
    with pytest.raises(NotFound):
        guides.set_order(DEVELOPMENT, ["tour", "nope"])
    assert engine.one("select display_sequence from guide_groups").display_sequence == []


def test_errors_name_their_field() -> None:
    assert isinstance(guides.wrong("until", "is wrong"), InvalidParams)
