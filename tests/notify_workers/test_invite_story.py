"""The first story: an invitation, its reminder, and what stops it."""

from __future__ import annotations

from tests.engine import Engine
from tests.mail_server import MailServer


def test_the_first_mail_leaves_at_once_and_the_reminder_after_three_days(invite: Engine, mail: MailServer) -> None:
    invite.trigger("account-invite", ["jane"], cancellation_key="invite-1")
    invite.drain()
    assert mail.subjects() == ["Subject of email_1"]
    invite.advance(days=2, hours=23)
    assert mail.subjects() == ["Subject of email_1"]
    invite.advance(hours=1, seconds=1)
    assert mail.subjects() == ["Subject of email_1", "Subject of email_2"]
    assert invite.statuses() == {"completed": 1}
    assert invite.count("due") == 0


def test_a_cancelled_reminder_never_comes(invite: Engine, mail: MailServer) -> None:
    invite.trigger("account-invite", ["jane"], cancellation_key="invite-1")
    invite.drain()
    assert invite.cancel("account-invite", "invite-1") == 1
    invite.advance(days=4)
    assert mail.subjects() == ["Subject of email_1"]
    assert invite.statuses() == {"cancelled": 1}
    assert invite.count("due") == 0
