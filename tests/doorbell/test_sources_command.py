"""`doorbell sources`."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from doorbell.cli import main
from notify_workers import sources
from notify_workers.store import sources as rows
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine


def run(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["sources", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_a_source_is_set_listed_and_shows_its_events(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "shop.json"
    mapping = {"event_type": "hello", "action_type": "users_identify", "action_parameters": {"id": "body.user_id"}}
    file.write_text(json.dumps({"name": "Shop", "mappings": [mapping, {**mapping, "active": False}]}))
    said = run("set", "shop", str(file), "--type", "http", "--secret", "s3cret")
    with transaction() as tx:
        source = rows.get(tx, DEVELOPMENT, "shop")
    assert source is not None
    assert (source.settings, source.mappings[0]) == ({"secret": "s3cret"}, mapping)
    assert source.token in said
    assert source.token in run("list")
    assert "s3cret" not in said + run("list")
    sources.receive(source, {}, {"type": "hello", "user_id": "jane"})
    sources.receive(source, {}, {"type": "hello"})
    shown = run("events", "shop", "--bodies")
    assert shown.index("`id` is missing") < shown.index("users_identify: done")
    assert '"user_id": "jane"' in shown


def test_what_is_wrong_is_one_sentence(engine: Engine) -> None:
    assert "settings.secret is missing" in run("set", "shop", "--type", "http")
    assert "type must be one of" in run("set", "shop", "--type", "fax", "--secret", "s")
    assert "there is no source shop" in run("events", "shop")


@pytest.mark.parametrize("name", ["set", "list", "events"])
def test_every_command_has_help(name: str) -> None:
    assert isinstance(main, click.Group)
    assert "--environment" in run(name, "--help")
