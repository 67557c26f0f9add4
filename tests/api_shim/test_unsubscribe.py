"""The link in commercial mail, from the header of a message to the preference that it sets (RFC 8058)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import CheckedClient
from tests.engine import Engine, email_step
from tests.mail_server import MailServer

JANE = {"id": "jane", "email": "jane@example.com"}


@pytest.fixture
def news(engine: Engine) -> Engine:
    body = '<p>News</p><a href="{{ vars.commercial_unsubscribe_url }}">Unsubscribe</a>'
    engine.publish("news", [email_step(html_body=body)], settings={"is_commercial": True})
    engine.publish("receipt", [email_step(html_body="<p>Paid</p>{{ vars.commercial_unsubscribe_url }}")])
    return engine


def send(engine: Engine, workflow: str) -> None:
    engine.trigger(workflow, [JANE])
    engine.drain()


def link_in(mail: MailServer) -> str:
    header = str(mail.messages[-1]["List-Unsubscribe"])
    assert header.startswith("<")
    assert mail.messages[-1]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    return str(urlsplit(header.strip("<>")).path)


@pytest.mark.parametrize(
    "form",
    [{"data": {"List-Unsubscribe": "One-Click"}}, {"files": {"List-Unsubscribe": (None, "One-Click")}}],
    ids=["urlencoded", "multipart"],
)
def test_one_click_stops_commercial_mail_and_nothing_else(
    form: dict[str, Any], api: CheckedClient, news: Engine, mail: MailServer
) -> None:
    send(news, "news")
    link = link_in(mail)
    for _ in range(2):
        answer = api.post(link, **form)
        assert (answer.status_code, "You are unsubscribed" in answer.text) == (200, True)
    send(news, "news")
    send(news, "receipt")
    assert len(mail.messages) == 2
    assert mail.messages[-1]["List-Unsubscribe"] is None
    assert "step_skipped" in news.log()


def test_opening_the_link_changes_nothing(api: CheckedClient, news: Engine, mail: MailServer) -> None:
    send(news, "news")
    answer = api.get(link_in(mail))
    assert (answer.status_code, '<form method="post">' in answer.text) == (200, True)
    send(news, "news")
    assert len(mail.messages) == 2


def test_the_link_stands_in_the_body_too(news: Engine, mail: MailServer) -> None:
    send(news, "news")
    body = mail.messages[-1].get_body(("html",))
    assert body is not None
    assert link_in(mail) in body.get_content()


@pytest.mark.parametrize("token", ["nonsense", "e30.AAAA", "WyJhIl0.x", "é.é"])
def test_a_link_that_was_not_made_here_is_refused(api: CheckedClient, engine: Engine, token: str) -> None:
    assert api.get(f"/unsubscribe/{token}").status_code == 404
    assert api.post(f"/unsubscribe/{token}").status_code == 404


def test_a_link_for_somebody_else_cannot_be_made_from_ones_own(
    api: CheckedClient, news: Engine, mail: MailServer
) -> None:
    send(news, "news")
    own = link_in(mail)
    news.trigger("news", [{"id": "joe", "email": "joe@example.com"}])
    news.drain()
    body, _, _ = link_in(mail).rpartition(".")
    _, _, signature = own.rpartition(".")
    assert api.post(f"{body}.{signature}").status_code == 404
