"""Steps that change data: the run's, a recipient's, an audience's."""

from __future__ import annotations

from typing import Any

import pytest

from notify_workers import runner
from tests.engine import Engine, email_step
from tests.mail_server import MailServer
from tests.notify_workers.language import JANE, data_of, details, function_step, send


def recipient(engine: Engine, identifier: str, collection: str = "$users") -> Any:
    return engine.one(
        "select properties, preferences, channel_data from recipients where collection = :collection and id = :id",
        collection=collection,
        id=identifier,
    )


def retry(engine: Engine) -> None:
    for seconds in (2, 4):
        engine.advance(seconds=seconds)
        engine.release()


# update_data


def test_data_is_merged_for_the_steps_that_follow(engine: Engine, mail: MailServer) -> None:
    first = function_step("update_data", "a", data='{"full": "{{ data.first }} Doe", "map": {"new": true}}')
    second = function_step("update_data", "b", data='{"long": "{{ data.full }}, {{ recipient.name }}"}')
    engine.publish("hello", [first, second, email_step(subject="{{ long }}")])
    send(engine, "hello", data={"first": "John", "map": {"old": 1}})
    assert mail.subjects() == ["John Doe, Jane"]
    assert data_of(engine) == {
        "first": "John",
        "full": "John Doe",
        "long": "John Doe, Jane",
        "map": {"new": True},
    }


def test_the_triggers_own_data_stays_as_it_came(engine: Engine) -> None:
    engine.publish("hello", [function_step("update_data", data='{"n": {{ recipient.n }}}')])
    send(engine, "hello", {"id": "a", "n": 1}, {"id": "b", "n": 2}, data={"n": 0})
    assert engine.one("select data from triggers").data == {"n": 0}
    assert [row.data for row in engine.rows("select data from recipient_runs order by recipient_id")] == [
        {"n": 1},
        {"n": 2},
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ('{"n": {{ recipient.name }}}', "update_data_1/data does not render to JSON: Expecting value"),
        ('{"n": "{{ data.missing }}"}', "update_data_1/data, line 1, column 11: data.missing is undefined"),
    ],
)
def test_data_that_does_not_render_fails_the_step(data: str, said: str, engine: Engine, mail: MailServer) -> None:
    engine.publish("hello", [function_step("update_data", data=data), email_step()])
    send(engine, "hello")
    retry(engine)
    assert (engine.statuses(), mail.messages) == ({"completed": 1}, [])
    assert details(engine, "step_failed")[0]["message"].startswith(said)


# update_user, update_tenant, update_object


def update(kind: str, properties: str, reference: str | None = None, **settings: Any) -> dict[str, Any]:
    mode = {} if kind == "object" else {"recipient_mode": "reference" if reference else "current"}
    target = {"recipient_gid": reference} if reference else {}
    return function_step(f"update_{kind}", "update_1", update_properties=properties, **mode, **target, **settings)


def test_the_recipient_is_changed_for_the_steps_that_follow(engine: Engine, mail: MailServer) -> None:
    step = update("user", '{"plan": "{{ data.plan }}", "address": {"city": "Bonn"}}')
    engine.publish("hello", [step, email_step(subject="{{ recipient.plan }} {{ recipient.address.zip }}")])
    send(engine, "hello", {**JANE, "address": {"zip": "5"}}, data={"plan": "pro"})
    assert mail.subjects() == ["pro 5"]
    assert recipient(engine, "jane").properties["address"] == {"city": "Bonn", "zip": "5"}
    assert details(engine, "recipient_updated")[0]["changed"] == ["address", "plan"]


def test_others_are_made_when_they_are_unknown(engine: Engine) -> None:
    for number, step in enumerate(
        (
            update("user", '{"n": 1}', "{{ data.other }}"),
            update("tenant", '{"n": 2}', "acme"),
            update("object", '{"n": 3}', "projects/{{ data.other }}"),
        )
    ):
        engine.publish(f"hello-{number}", [step])
        send(engine, f"hello-{number}", data={"other": "ann"})
    found = engine.rows("select collection, id, properties from recipients where id <> 'jane' order by properties")
    assert [tuple(row) for row in found] == [
        ("$users", "ann", {"n": 1}),
        ("$tenants", "acme", {"n": 2}),
        ("projects", "ann", {"n": 3}),
    ]


def test_the_runs_tenant_is_changed(engine: Engine, mail: MailServer) -> None:
    engine.publish("hello", [update("tenant", '{"plan": "pro"}'), email_step(subject="{{ tenant.plan }}")])
    send(engine, "hello", tenant="acme")
    send(engine, "hello")
    assert mail.subjects() == ["pro", ""]
    assert details(engine, "step_skipped") == [{"reason": "the run has no tenant"}]


def test_preferences_are_merged_and_channel_data_is_left(engine: Engine, mail: MailServer) -> None:
    properties = (
        '{"preferences": {"default": {"channel_types": {"email": false}}}, "channel_data": {"c": {"tokens": []}}}'
    )
    engine.publish("hello", [update("user", properties), email_step()])
    send(engine, "hello", {**JANE, "preferences": {"default": {"categories": {"a": False}}}})
    found = recipient(engine, "jane")
    assert found.preferences == {"default": {"categories": {"a": False}, "channel_types": {"email": False}}}
    assert (found.channel_data, mail.messages) == ({}, [])


def test_preferences_that_are_none_change_nothing(engine: Engine) -> None:
    engine.publish("hello", [update("user", '{"plan": "pro", "preferences": {"default": "never"}}')])
    send(engine, "hello")
    retry(engine)
    found = recipient(engine, "jane")
    assert ("plan" in found.properties, found.preferences) == (False, {})
    assert "preferences.default: found 'never'" in details(engine, "step_failed")[0]["message"]


def test_a_failing_step_takes_its_changes_back(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise ZeroDivisionError("after the recipient was changed")

    engine.publish("hello", [update("user", '{"n": {{ recipient.n | plus: 1 }}}')])
    with monkeypatch.context() as patched:
        patched.setattr(runner, "told", fail)
        send(engine, "hello", {**JANE, "n": 1})
    assert recipient(engine, "jane").properties["n"] == 1
    engine.advance(seconds=2)
    engine.release()
    assert recipient(engine, "jane").properties["n"] == 2


# update_audience


def members(engine: Engine) -> list[tuple[str, str, str]]:
    found = engine.rows("select audience_key, recipient_id, tenant from audience_members order by 1, 2, 3")
    return [tuple(row) for row in found]


def audience(action: str) -> dict[str, Any]:
    return function_step("update_audience", audience_key="beta", action=action)


def test_the_recipient_enters_and_leaves_an_audience_in_the_runs_tenant(engine: Engine) -> None:
    engine.publish("enter", [audience("add")])
    engine.publish("leave", [audience("remove")])
    for request in ({}, {}, {"tenant": "acme"}):
        send(engine, "enter", **request)
    assert members(engine) == [("beta", "jane", ""), ("beta", "jane", "acme")]
    send(engine, "leave")
    send(engine, "leave")
    assert members(engine) == [("beta", "jane", "acme")]


def test_membership_counts_in_its_own_tenant_alone(engine: Engine, mail: MailServer) -> None:
    member = {"all": [{"variable": "recipient", "operator": "is_audience_member", "argument": "beta"}]}
    engine.publish("enter", [audience("add")])
    engine.publish("hello", [{**email_step(), "conditions": member}])
    send(engine, "enter", tenant="acme")
    send(engine, "hello")
    assert mail.messages == []
    send(engine, "hello", tenant="acme")
    assert len(mail.messages) == 1
    assert [each["evaluations"][0]["result"] for each in details(engine, "conditions_evaluated")] == [False, True]
