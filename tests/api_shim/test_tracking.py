"""Tracked e-mails from their making to the click."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from api_shim.routes import tracking as routes
from notify_workers import channels, tracking
from notify_workers.errors import StoreUnavailable
from notify_workers.ids import environment_id
from notify_workers.tracking import Visit
from tests.channels import REACHABLE
from tests.channels import step as sms_step
from tests.conftest import CheckedClient
from tests.engine import DEVELOPMENT, Engine, email_step
from tests.mail_server import MailServer

SHOP = "https://shop.test/a?b=1&c=é#d"
HTML = (
    '<p><a href="https://shop.test/a?b=1&amp;c=é#d">Shop</a> <a href="{{ vars.manage_preferences_url }}">Manage</a></p>'
)
TRACKED = {"link_tracking": True, "open_tracking": True}
ID = "3MQs49RN5zB4aVoOsSpLViWRwmW"


def sent(engine: Engine, mail: MailServer, **overrides: Any) -> str:
    """The HTML of an e-mail whose step says that of tracking."""
    step = {**email_step(html_body=HTML), **({"channel_overrides": overrides} if overrides else {})}
    engine.publish("hello", [step])
    engine.trigger("hello", [{"id": "jane", "email": "jane@example.com"}])
    engine.drain()
    part = mail.messages[-1].get_body(("html",))
    assert part is not None
    return str(part.get_content())


def paths(html: str) -> tuple[str, str]:
    """Of the link and of the picture, without the host."""
    link, picture = re.search(r"(/l/[^\"]+)", html), re.search(r"(/o/[^\"]+)", html)
    return link[1] if link else "", picture[1] if picture else ""


def told(engine: Engine) -> list[Any]:
    rows = engine.rows("select type, data from message_events order by number")
    return [(row.type, row.data) for row in rows if row.type in ("message.read", "message.link_clicked")]


def follow(api: CheckedClient, path: str, method: str = "GET", **headers: str) -> Any:
    return api.request(method, path, follow_redirects=False, headers=headers)


def test_a_click_leads_on_and_is_told_once(engine: Engine, mail: MailServer, api: CheckedClient) -> None:
    channels.switch(DEVELOPMENT, "email", TRACKED)
    link, _ = paths(sent(engine, mail))
    for _ in range(2):
        answer = follow(api, link)
        assert (answer.status_code, answer.headers["location"]) == (302, "https://shop.test/a?b=1&c=%C3%A9#d")
        assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert told(engine) == [("message.link_clicked", {"url": SHOP})]


def test_the_picture_tells_that_the_message_was_read(engine: Engine, mail: MailServer, api: CheckedClient) -> None:
    channels.switch(DEVELOPMENT, "email", TRACKED)
    _, picture = paths(sent(engine, mail))
    answer = follow(api, picture)
    assert (answer.status_code, answer.headers["content-type"], answer.headers["cache-control"]) == (
        200,
        "image/gif",
        "no-store",
    )
    assert answer.content[:6] == b"GIF89a"
    assert told(engine) == [("message.read", None)]


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("HEAD", {}),
        ("GET", {"user-agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"}),
        ("GET", {"user-agent": "Mozilla/5.0 (compatible; bingbot/2.0)"}),
        ("GET", {"user-agent": "facebookexternalhit/1.1"}),
        ("GET", {"sec-purpose": "prefetch;prerender"}),
    ],
)
def test_machines_are_led_on_and_not_counted(
    method: str, headers: dict[str, str], engine: Engine, mail: MailServer, api: CheckedClient
) -> None:
    link, picture = paths(sent(engine, mail, **TRACKED))
    assert follow(api, link, method, **headers).headers["location"].startswith("https://shop.test/")
    assert follow(api, picture, method, **headers).status_code == 200
    assert told(engine) == []


def test_nothing_is_tracked_unless_somebody_wants_it(engine: Engine, mail: MailServer) -> None:
    assert paths(sent(engine, mail)) == ("", "")


@pytest.mark.parametrize("of_channel", [True, False])
def test_a_step_says_otherwise_than_its_channel(of_channel: bool, engine: Engine, mail: MailServer) -> None:
    channels.switch(DEVELOPMENT, "email", {"link_tracking": of_channel, "open_tracking": of_channel})
    link, picture = paths(sent(engine, mail, link_tracking=not of_channel))
    assert (bool(link), bool(picture)) == (not of_channel, of_channel)


def test_pages_of_our_own_and_very_long_links_are_not_tracked(
    engine: Engine, mail: MailServer, change_settings: Callable[..., None]
) -> None:
    change_settings(public_url="https://bell.test", tracking_longest_url=20)
    html = sent(engine, mail, **TRACKED)
    assert (html.count("/l/"), html.count("/o/")) == (0, 1)
    assert "https://bell.test/p/" in html
    change_settings(public_url="https://bell.test", tracking_longest_url=2000)
    assert sent(engine, mail, **TRACKED).count("/l/") == 1


def test_a_link_leads_on_while_the_database_is_away(
    engine: Engine, mail: MailServer, api: CheckedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise StoreUnavailable("no database")

    link, picture = paths(sent(engine, mail, **TRACKED))
    monkeypatch.setattr(tracking, "transaction", away)
    assert follow(api, link).status_code == 302
    assert follow(api, picture).status_code == 200


def test_when_too_many_visits_wait_the_next_is_not_counted(
    engine: Engine, mail: MailServer, api: CheckedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, _ = paths(sent(engine, mail, **TRACKED))
    monkeypatch.setattr(routes.backlog, "size", 100)
    assert follow(api, link).status_code == 302
    assert (told(engine), routes.backlog.size) == ([], 100)


def test_a_message_that_is_gone_leads_on(engine: Engine, mail: MailServer, api: CheckedClient) -> None:
    link, _ = paths(sent(engine, mail, **TRACKED))
    engine.rows("delete from messages returning id")
    assert follow(api, link).status_code == 302


def test_nobody_makes_links_of_ours_to_elsewhere(engine: Engine, mail: MailServer, api: CheckedClient) -> None:
    link, picture = paths(sent(engine, mail, **TRACKED))
    body, _, signature = link.removeprefix("/l/").partition(".")
    forged = tracking.token("guessed", Visit(DEVELOPMENT, ID, "https://evil.test/"))
    elsewhere = forged.partition(".")[0]
    opening = picture.removeprefix("/o/").removesuffix(".gif")
    for token in (
        forged,
        f"{elsewhere}.{signature}",
        body,
        f"{body}.",
        f"{body}.{signature}A",
        opening,
        "x",
        "é",
        "a" * 9999,
    ):
        assert follow(api, f"/l/{token}").status_code == 404, token
    assert follow(api, f"/o/{body}.{signature}.gif").content[:6] == b"GIF89a"
    assert told(engine) == []


def test_an_environments_link_is_not_anothers() -> None:
    token = tracking.token("s", Visit(DEVELOPMENT, ID, SHOP))
    assert tracking.read(token, {DEVELOPMENT: "s"}, is_link=True) == Visit(DEVELOPMENT, ID, SHOP)
    assert tracking.read(token, {environment_id("production"): "s"}, is_link=True) is None


# Text messages


def text_message(engine: Engine, body: str, **overrides: Any) -> str:
    """The text of an SMS, as the vendor gets it."""
    engine.publish("text", [{**sms_step("sms", text_body=body), "channel_overrides": overrides}])
    engine.trigger("text", [REACHABLE])
    engine.drain()
    return str(engine.one("select payload ->> 'body' as body from outbox order by at desc limit 1").body)


def test_a_text_message_has_short_links_when_somebody_wants_them(
    engine: Engine, api: CheckedClient, change_settings: Callable[..., None]
) -> None:
    change_settings(public_url="https://bell.test")
    body = "Shop: https://shop.test/a. Again: https://shop.test/a, or https://shop.test/b"
    assert text_message(engine, body) == body
    told_by = text_message(engine, body, link_tracking=True)
    found = re.fullmatch(r"Shop: (\S+)\. Again: (\S+), or (\S+)", told_by)
    assert found is not None
    first, again, other = (each.removeprefix("https://bell.test") for each in found.groups())
    assert (first, len(first), len({first, other})) == (again, len("/l/") + 10, 2)
    assert follow(api, other).headers["location"] == "https://shop.test/b"
    assert told(engine) == [("message.read", None), ("message.link_clicked", {"url": "https://shop.test/b"})]
    assert engine.count("short_links") == 2


def test_short_links_go_with_their_message(engine: Engine, api: CheckedClient) -> None:
    path = text_message(engine, "https://shop.test/a", link_tracking=True).removeprefix("http://127.0.0.1:4000")
    engine.rows("delete from messages returning id")
    assert engine.count("short_links") == 0
    assert (follow(api, path).status_code, follow(api, "/l/0123456789").status_code) == (404, 404)


def test_a_short_link_says_when_it_does_not_work_right_now(
    engine: Engine, api: CheckedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise StoreUnavailable("no database")

    monkeypatch.setattr(tracking, "transaction", away)
    answer = follow(api, "/l/0123456789")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
