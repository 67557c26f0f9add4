from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from notify_workers import resources
from notify_workers.errors import NotFound
from notify_workers.redis_client import client
from notify_workers.store import resources as rows
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine, email_step
from tests.mail_server import MailServer
from tests.notify_workers.conftest import Away
from workflows.errors import DocumentInvalid

LAYOUT = {"name": "Plain", "html_layout": "<b>{{ content }}</b>", "text_layout": "{{ content }}", "footer_links": []}


def number(engine: Engine) -> int:
    return int(engine.one("select number from catalog").number)


def publish_layout(document: dict[str, Any]) -> object:
    with resources.configuration() as tx:
        return resources.publish_layout(tx, DEVELOPMENT, "plain", document)


def write_workflow(root: Path, key: str, *steps: dict[str, Any]) -> None:
    folder = root / "workflows" / key
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "workflow.json").write_text(json.dumps({"name": key, "steps": list(steps)}))


def test_publishing_makes_a_version_and_publishing_the_same_again_does_not(engine: Engine) -> None:
    first = engine.publish("hello", [email_step()])
    assert first is not None
    assert engine.publish("hello", [email_step()]) is None
    second = engine.publish("hello", [email_step(subject="Other")])
    assert second not in (None, first)
    assert engine.publish("hello", [email_step()]) not in (None, first)
    assert engine.count("resource_versions") == 3


def test_a_document_with_problems_is_not_published_and_changes_nothing(engine: Engine) -> None:
    before = number(engine)
    with pytest.raises(DocumentInvalid, match="steps"):
        engine.publish("hello", [{"ref": "a", "type": "unheard-of"}])
    assert (engine.count("resources"), engine.count("resource_versions"), number(engine)) == (0, 0, before)


def test_a_change_counts_the_catalog_up_and_is_told_to_who_listens(engine: Engine) -> None:
    listener = client().pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
    listener.subscribe(resources.CHANGES)
    before = number(engine)
    engine.publish("hello", [email_step()])
    assert number(engine) == before + 1
    told = None
    while told is None:
        told = listener.get_message(timeout=5)
    assert int(told["data"]) == before + 1
    listener.close()


def test_a_change_is_made_also_while_redis_is_away(engine: Engine, redis_away: Away) -> None:
    with redis_away():
        assert engine.publish("hello", [email_step()]) is not None


def test_an_inactive_workflow_is_made_active_again(engine: Engine) -> None:
    engine.publish("hello", [email_step()])
    for active in (False, True):
        resources.set_workflow_active(DEVELOPMENT, "hello", active)
        with transaction() as tx:
            found = rows.get_resource(tx, DEVELOPMENT, rows.WORKFLOW, "hello")
        assert found is not None
        assert found.active is active


def test_a_workflow_published_while_inactive_stays_inactive(engine: Engine) -> None:
    engine.publish("hello", [email_step()])
    resources.set_workflow_active(DEVELOPMENT, "hello", False)
    engine.publish("hello", [email_step(subject="Other")])
    assert engine.one("select active from resources").active is False


def test_a_workflow_that_does_not_exist_cannot_be_activated(engine: Engine) -> None:
    with pytest.raises(NotFound, match="hello"):
        resources.set_workflow_active(DEVELOPMENT, "hello", True)


def test_a_library_is_pushed_whole_and_only_changes_are_named(engine: Engine, tmp_path: Path) -> None:
    write_workflow(tmp_path, "one-mail", email_step())
    write_workflow(tmp_path, "two-mails", email_step("a"), email_step("b"))
    assert sorted(resources.push_library(tmp_path, DEVELOPMENT)) == ["one-mail", "two-mails"]
    assert resources.push_library(tmp_path, DEVELOPMENT) == []
    write_workflow(tmp_path, "one-mail", email_step(subject="Other"))
    assert resources.push_library(tmp_path, DEVELOPMENT) == ["one-mail"]


def test_a_library_with_one_bad_resource_is_not_pushed_at_all(engine: Engine, tmp_path: Path) -> None:
    write_workflow(tmp_path, "a-good-one", email_step())
    write_workflow(tmp_path, "bad-one", {"ref": "a", "type": "unheard-of"})
    with pytest.raises(DocumentInvalid):
        resources.push_library(tmp_path, DEVELOPMENT)
    assert engine.count("resources") == 0


def test_a_layout_is_used_as_it_is_when_the_step_runs(engine: Engine, mail: MailServer) -> None:
    publish_layout(LAYOUT)
    engine.publish("hello", [email_step(settings={"layout_key": "plain"})])
    for html in ("<b>{{ content }}</b>", "<i>{{ content }}</i>"):
        publish_layout({**LAYOUT, "html_layout": html})
        engine.trigger("hello", [{"id": "jane", "email": "jane@example.com"}])
        engine.drain()
    bodies = [each.get_body(("html",)) for each in mail.messages]
    assert [str(body.get_content())[:3] for body in bodies if body is not None] == ["<b>", "<i>"]


# Trees of files, there and back

FILES = {
    "workflows/hello/workflow.json": """{"steps": [
  {"ref": "email_1", "type": "channel", "channel_key": "email", "channel_type": "email",
   "template": {"subject": "Hi", "visual_blocks@": "mail/blocks.json", "settings": {"layout_key": "plain"}}}
], "name": "Hello", "__readonly": {"environment": "production", "active": false}}""",
    "workflows/hello/mail/blocks.json": '[{"content@": "one.md", "type": "markdown"}]\n',
    "workflows/hello/mail/one.md": "Hi\r\n{% render 'greeting' %}",
    "layouts/plain/layout.json": '{"name": "Plain", "html_layout@": "plain.html", "text_layout": ""}',
    "layouts/plain/plain.html": "<b>{{ content }}</b>\n",
    "partials/greeting/partial.json": '{"name":"Greeting","type":"html","content@":"content.html"}',
    "partials/greeting/content.html": "<i>Hello</i>",
    "translations/en/en.json": '{"hello": "Hello"}',
    "translations/en/admin.en.json": '{\n  "hello": "Hello, admin"\n}\n',
    "translations/de/de.po": 'msgid "hello"\nmsgstr "Hallo"\n',
}


def write_tree(root: Path) -> None:
    for path, text in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text.encode())


def read_tree(root: Path) -> dict[str, str]:
    return {file.relative_to(root).as_posix(): file.read_bytes().decode() for file in root.rglob("*") if file.is_file()}


def test_a_tree_that_was_pushed_is_pulled_the_same_to_the_byte(engine: Engine, tmp_path: Path) -> None:
    write_tree(tmp_path / "there")
    assert resources.push_library(tmp_path / "there", DEVELOPMENT) == [
        "de",
        "en/admin",
        "en",
        "greeting",
        "plain",
        "hello",
    ]
    assert sorted(resources.pull_library(tmp_path / "new", DEVELOPMENT)) == sorted(FILES)
    assert read_tree(tmp_path / "new") == FILES
    assert resources.pull_library(tmp_path / "there", DEVELOPMENT) == []
    assert resources.push_library(tmp_path / "new", DEVELOPMENT) == []


def test_a_change_is_pulled_into_the_file_that_the_tree_has_for_it(engine: Engine, tmp_path: Path) -> None:
    write_tree(tmp_path)
    resources.push_library(tmp_path, DEVELOPMENT)
    publish_layout({**LAYOUT, "name": "Plain", "html_layout": "<u>{{ content }}</u>"})
    changed = resources.pull_library(tmp_path, DEVELOPMENT)
    assert sorted(changed) == ["layouts/plain/layout.json", "layouts/plain/plain.html"]
    assert (tmp_path / "layouts/plain/plain.html").read_text() == "<u>{{ content }}</u>"


def test_what_was_published_otherwise_is_pulled_as_the_cli_writes_it(engine: Engine, tmp_path: Path) -> None:
    engine.publish("hello", [email_step(settings={"layout_key": "plain"})], sha="from an answer")
    with resources.configuration() as tx:
        resources.publish_translation(tx, DEVELOPMENT, "fr/admin~acme", {"format": "json", "content": '{"a":"b"}'})
    resources.pull_library(tmp_path, DEVELOPMENT)
    pulled = read_tree(tmp_path)
    assert pulled["workflows/hello/email_1/html_body.html"] == "<p>Hello {{ recipient.name }}</p>"
    assert json.loads(pulled["workflows/hello/workflow.json"]) == {
        "name": "hello",
        "steps": [
            {
                **email_step(),
                "template": {
                    "settings": {"layout_key": "plain"},
                    "subject": "Subject of email_1",
                    "html_body@": "email_1/html_body.html",
                },
            }
        ],
        "__readonly": {"active": True, "environment": "development", "key": "hello", "valid": True},
        "$schema": "https://schemas.knock.app/cli/workflow.json",
    }
    assert pulled["translations/fr/admin~acme.fr.json"] == '{\n  "a": "b"\n}\n'


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("partials/broken/partial.json", '{"name": "B", "type": "html", "content": "{{ a"}', "content: "),
        ("translations/en/en.json", '{"a": 1}', "content.a: found 1, expected text"),
        ("translations/en/en.json", "{", "expected valid JSON"),
    ],
)
def test_a_tree_with_a_broken_piece_is_not_pushed(
    engine: Engine, tmp_path: Path, path: str, text: str, said: str
) -> None:
    write_tree(tmp_path)
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(text)
    with pytest.raises(DocumentInvalid, match=re.escape(said)):
        resources.push_library(tmp_path, DEVELOPMENT)
    assert engine.count("resources") == 0
