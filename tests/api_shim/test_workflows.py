"""Triggering and cancelling over HTTP."""

from __future__ import annotations

from uuid import UUID

from tests.conftest import CheckedClient
from tests.engine import Engine, email_step
from tests.mail_server import MailServer


def test_a_trigger_is_answered_with_the_id_of_its_run(api: CheckedClient, engine: Engine, mail: MailServer) -> None:
    engine.publish("welcome", [email_step()])
    answer = api.post(
        "/v1/workflows/welcome/trigger", json={"recipients": [{"id": "jane", "email": "jane@example.com"}]}
    )
    assert answer.status_code == 200
    assert UUID(answer.json()["workflow_run_id"]).version == 4
    engine.drain()
    assert mail.subjects("jane@example.com") == ["Subject of email_1"]
