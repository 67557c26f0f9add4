"""Knock's own Python SDK: schedules, Census and Hightouch, judged by what they bring about."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import knockapi
import pytest
from knockapi import Knock

from notify_workers.clock import now
from tests.engine import Engine, email_step
from tests.mail_server import MailServer

JANE: Any = {"id": "jane", "email": "jane@example.com", "name": "Jane", "timezone": "Europe/Berlin"}
PROJECT: Any = {"id": "p1", "collection": "projects"}


@pytest.fixture(autouse=True)
def digest(engine: Engine) -> None:
    engine.publish("digest", [email_step(subject="{{ data.title }}")])


def test_a_schedule_is_made_changed_and_happens(knock: Knock, engine: Engine, mail: MailServer) -> None:
    made = knock.schedules.create(
        workflow="digest", recipients=[JANE, PROJECT], repeats=[{"frequency": "hourly", "minutes": 5}], tenant="acme"
    )
    assert [each.tenant for each in made] == ["acme", "acme"]
    knock.schedules.update(schedule_ids=[made[0].id], data={"title": "Weekly"}, actor="joe")
    engine.advance(hours=1)
    assert mail.subjects() == ["Weekly"]
    (run, _) = knock.workflow_recipient_runs.list()
    assert (run.trigger_source.type, run.tenant) == ("schedule", "acme")
    happened: Any = next(iter(knock.users.list_schedules("jane")))
    assert happened.last_occurrence_at is not None
    assert happened.next_occurrence_at - happened.last_occurrence_at == timedelta(hours=1)


def test_schedules_are_listed_with_every_filter_and_deleted(knock: Knock, engine: Engine, mail: MailServer) -> None:
    at = now() + timedelta(days=1)
    made = knock.schedules.create(workflow="digest", recipients=["ann", "ben", JANE, PROJECT], scheduled_at=at)
    named: Any = ["ben", PROJECT]
    assert [each.id for each in knock.schedules.list(workflow="digest", page_size=3)] == [each.id for each in made]
    assert [each.id for each in knock.schedules.list(workflow="digest", recipients=named)] == [made[1].id, made[3].id]
    assert list(knock.schedules.list(workflow="digest", tenant="none")) == []
    assert [each.id for each in knock.users.list_schedules("jane", workflow="digest")] == [made[2].id]
    assert [each.id for each in knock.objects.list_schedules("projects", "p1")] == [made[3].id]
    deleted = knock.schedules.delete(schedule_ids=[each.id for each in made])
    assert [each.id for each in deleted] == [each.id for each in made]
    engine.advance(days=2)
    assert engine.count("recipient_runs") == 0
    with pytest.raises(knockapi.UnprocessableEntityError, match="schedule_ids"):
        knock.schedules.delete(schedule_ids=[made[0].id])


def test_schedules_are_made_in_bulk(knock: Knock, engine: Engine, mail: MailServer) -> None:
    wanted: Any = [
        {"workflow": "digest", "recipient": JANE, "repeats": [{"frequency": "hourly"}], "data": {"title": "A"}}
    ]
    operation = knock.schedules.bulk.create(schedules=wanted * 3)
    engine.drain()
    assert knock.bulk_operations.get(operation.id).status == "completed"
    engine.advance(hours=1)
    assert mail.subjects() == ["A"] * 3


def test_census_and_hightouch_bring_users(knock: Knock) -> None:
    plan = {"object": {"object_api_name": "user"}, "operation": "upsert"}
    census = knock.integrations.census.custom_destination(
        id="1",
        jsonrpc="2.0",
        method="sync_batch",
        params={"sync_plan": plan, "records": [{"id": "ann", "name": "Ann"}]},
    )
    assert census.result == {"record_results": [{"identifier": "ann", "success": True}]}
    hightouch = knock.integrations.hightouch.embedded_destination(
        id="2",
        jsonrpc="2.0",
        method="sync_batch",
        params={"object": "user", "mode": "upsert", "records": [{"id": "ben"}]},
    )
    assert hightouch.id == "2"
    assert {user.id for user in knock.users.list()} == {"ann", "ben"}
