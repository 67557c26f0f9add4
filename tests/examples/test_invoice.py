"""The invoice story: created, updated for payee and user, paid or not, and five minutes of updates in one message."""

from __future__ import annotations

from typing import Any

import pytest

from notify_workers.installation import LIBRARY
from notify_workers.resources import push_library
from tests.engine import DEVELOPMENT, Engine
from tests.mail_server import MailServer

USER = {"id": "user_1", "name": "Ada Lovelace", "email": "ada@example.com"}
PAYEE = {"id": "payee_7", "name": "Grace Hopper", "email": "grace@example.com"}


@pytest.fixture
def invoices(engine: Engine) -> Engine:
    push_library(LIBRARY, DEVELOPMENT)
    return engine


def invoice(**fields: Any) -> dict[str, Any]:
    known = {"id": 7, "name": "Grace Hopper", "email": "grace@example.com", "description": "Compiler", "value": 1200}
    return {**known, "status": "open", "url": "/invoices/7", **fields}


def update(engine: Engine, **fields: Any) -> None:
    engine.trigger("invoice-updated", [USER, PAYEE], data=invoice(**fields))
    engine.drain()


def feed(engine: Engine) -> list[tuple[str, str, str]]:
    """Recipient, text and address of every item in a feed."""
    rows = engine.rows(
        "select recipient_id, content from messages where channel_type = 'in_app_feed' order by inserted_at, id"
    )
    items = [(row.recipient_id, {each["name"]: each for each in row.content["blocks"]}) for row in rows]
    return [(who, blocks["body"]["rendered"], blocks["action_url"]["rendered"]) for who, blocks in items]


def test_a_new_invoice_is_mailed_and_shown_in_the_feed(invoices: Engine, mail: MailServer) -> None:
    invoices.trigger("invoice-created", [USER], data=invoice())
    invoices.drain()
    assert mail.subjects() == ["A new invoice has been created!"]
    text = mail.messages[0].get_body(("plain",))
    assert text is not None
    assert "Hey Ada," in text.get_content()
    assert "Name: Grace Hopper" in text.get_content()
    assert feed(invoices) == [("user_1", "<p>New Invoice: Grace Hopper for 1200</p>", "/invoices/7")]


def test_a_paid_invoice_reaches_both_at_once_each_in_their_own_words(invoices: Engine, mail: MailServer) -> None:
    update(invoices, status="paid")
    assert mail.subjects("grace@example.com") == ["Your invoice was updated!"]
    assert mail.subjects("ada@example.com") == ["An invoice was paid"]
    assert [who for who, _, _ in feed(invoices)] == ["user_1"]


def test_any_other_change_reaches_only_the_user_after_five_minutes(invoices: Engine, mail: MailServer) -> None:
    update(invoices, status="sent")
    assert mail.subjects() == []
    invoices.advance(minutes=5)
    assert mail.subjects("grace@example.com") == []
    assert mail.subjects("ada@example.com") == ["An invoice was updated"]
    html = mail.messages[0].get_body(("html",))
    assert html is not None
    assert (
        '<a href="/invoices/7">Grace Hopper\'s invoice</a> for $1200 was changed to sent'
        in html.get_content().replace("&#39;", "'")
    )


def test_many_changes_within_five_minutes_are_one_list(invoices: Engine, mail: MailServer) -> None:
    for number, status in enumerate(("sent", "seen", "disputed")):
        update(invoices, status=status, url=f"/invoices/{number}", value=100 * (number + 1))
        invoices.advance(minutes=1)
    update(invoices, status="paid", url="/invoices/9")
    assert "An invoice was paid" in mail.subjects("ada@example.com")
    invoices.advance(minutes=5)
    assert mail.subjects("ada@example.com").count("An invoice was updated") == 1
    html = mail.messages[-1].get_body(("html",))
    assert html is not None
    listed = html.get_content()
    assert listed.count("<li>") == 3
    assert [listed.count(f"was changed to {status}") for status in ("sent", "seen", "disputed", "paid")] == [1, 1, 1, 0]
    assert ("user_1", "<p>3 updates of your invoices</p>", "/invoices/2") in feed(invoices)
