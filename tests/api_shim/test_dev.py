"""The development stack's own pages."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from api_shim.app import make_app
from tests import channels
from tests.answers import code, fields, trigger
from tests.conftest import CheckedClient
from tests.engine import Engine

MAIL = b"""From: Doorbell <hello@doorbell.test>
To: Jane <jane@example.com>
X-RcptTo: jane@example.com, joe@example.com
X-Doorbell-Message: m1
Subject: =?utf-8?b?RsO8ciBkaWNo?= <b>
Content-Type: multipart/alternative; boundary=cut

--cut
Content-Type: text/plain; charset=utf-8

Hello
--cut
Content-Type: text/html; charset=utf-8

<p>Hello</p><script>alert(1)</script>
--cut--
"""


@pytest.fixture
def sink(change_settings: Any, tmp_path: Path) -> Path:
    """The folder in which the mail sink keeps what it gets."""
    change_settings(home=tmp_path)
    folder = tmp_path / "mail" / "new"
    folder.mkdir(parents=True)
    return folder


def moment(answer: Any) -> datetime:
    return datetime.fromisoformat(answer.json()["now"])


@pytest.fixture
def sandbox(engine: Engine) -> Engine:
    """The workflow `welcome` says hello in a text and on a feed."""
    engine.publish("welcome", [channels.step("sms", text_body="Hello {{ data.n }} <b>"), channels.step("in_app_feed")])
    return engine


def test_before_the_first_message_the_outbox_is_empty(api: CheckedClient) -> None:
    assert api.get("/dev/outbox.json").json() == []
    assert "Nothing was sent yet" in api.get("/dev/outbox").text


def test_the_outbox_shows_what_sandbox_channels_sent(api: CheckedClient, sandbox: Engine) -> None:
    for n, recipient in enumerate((channels.REACHABLE, {"id": "1", "collection": "projects", "phone_number": "+1"})):
        trigger(api, recipients=[recipient], data={"n": n})
        sandbox.drain()
    newest, oldest = api.get("/dev/outbox.json").json()
    assert (newest["recipient"], oldest["recipient"]) == ({"collection": "projects", "id": "1"}, "jane")
    assert (oldest["channel_type"], oldest["channel_key"]) == ("sms", "sms")
    assert (oldest["payload"]["to"], oldest["payload"]["body"]) == ("+15550001", "Hello 0 <b>")
    assert api.get(f"/v1/messages/{oldest['message_id']}").json()["recipient"] == "jane"
    assert datetime.fromisoformat(oldest["at"]) <= datetime.fromisoformat(newest["at"])


def test_the_outboxs_page_shows_the_same_and_nothing_in_it_can_do_anything(api: CheckedClient, sandbox: Engine) -> None:
    for n in (1, 2):
        trigger(api, recipients=[channels.REACHABLE], data={"n": n})
        sandbox.drain()
    page = api.get("/dev/outbox").text
    assert page.index("Hello 2") < page.index("Hello 1")
    assert '<b>"' not in page
    assert "Hello 1 &lt;b&gt;" in page
    assert 'href="/dev/outbox.json"' in page
    assert page.index("<details open>") < page.index("<details>")


def test_the_clock_goes_forward(api: CheckedClient) -> None:
    before = moment(api.get("/dev/clock"))
    after = moment(api.post("/dev/clock/advance", json={"seconds": 259_200}))
    assert 259_200 <= (after - before).total_seconds() < 259_260


def test_the_clock_takes_no_nonsense(api: CheckedClient) -> None:
    nonsense = [-1, "inf", "nan", "-1", 1e300, None, "soon", []]
    answers = [api.post("/dev/clock/advance", json={"seconds": seconds}) for seconds in nonsense]
    assert [fields(answer) for answer in answers] == [["seconds"]] * len(nonsense)


def test_before_the_first_mail_there_is_none(api: CheckedClient, change_settings: Any, tmp_path: Path) -> None:
    assert api.get("/dev/mail.json").json() == []
    (tmp_path / "mail").mkdir()
    change_settings(home=tmp_path)
    assert api.get("/dev/mail.json").json() == []
    assert "No mail yet" in api.get("/dev/mail").text


def test_mail_is_shown_as_it_arrived(api: CheckedClient, sink: Path) -> None:
    (sink / "1").write_bytes(MAIL)
    (mail,) = api.get("/dev/mail.json").json()
    assert (mail["message_id"], mail["subject"]) == ("m1", "Für dich <b>")
    assert (mail["to"], mail["envelope_to"]) == ("Jane <jane@example.com>", ["jane@example.com", "joe@example.com"])
    assert (mail["text"].strip(), mail["html"].strip()) == ("Hello", "<p>Hello</p><script>alert(1)</script>")


def test_the_page_shows_the_newest_mail_first_and_no_mail_can_do_anything(api: CheckedClient, sink: Path) -> None:
    (sink / "1").write_bytes(MAIL)
    (sink / "2").write_bytes(MAIL.replace(b"Hello", b"Later"))
    page = api.get("/dev/mail").text
    assert page.index("Later") < page.index("Hello")
    assert page.index("<details open>") < page.index("<details>")
    assert "<script>" not in page
    assert "Für dich &lt;b&gt;" in page
    assert "<iframe sandbox srcdoc=" in page


def test_a_mail_that_nobody_can_read_hides_no_other(api: CheckedClient, sink: Path) -> None:
    (sink / "1").write_bytes(b"Content-Type: text/html; charset=no-such\n\n\xff")
    (sink / "2").write_bytes(b"")
    (sink / "3").write_bytes(MAIL)
    assert [mail["message_id"] for mail in api.get("/dev/mail.json").json()] == [None, None, "m1"]
    assert api.get("/dev/mail").status_code == 200


def test_the_pages_are_for_this_machine_only(engine: Engine) -> None:
    with CheckedClient(make_app(), client=("203.0.113.9", 1)) as elsewhere:
        answers = [
            elsewhere.request(method, path, json={"seconds": 1})
            for method, path in (("GET", "/dev/clock"), ("POST", "/dev/clock/advance"), ("GET", "/dev/mail"))
        ]
    assert {(answer.status_code, code(answer)) for answer in answers} == {(403, "authorization")}
