"""Who enters a workflow how often, and whom its conditions keep out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.engine import DOORS, Engine, delay_step, email_step
from tests.mail_server import MailServer
from tests.notify_workers.language import JANE, details, equals, function_step, logged, send

JOE = {"id": "joe", "email": "joe@example.com"}


def publish(engine: Engine, frequency: str) -> None:
    engine.publish("welcome", [email_step(subject="{{ recipient.id }} {{ tenant.id }}")], trigger_frequency=frequency)


def test_a_recipient_enters_once(engine: Engine, mail: MailServer) -> None:
    publish(engine, "once_per_recipient")
    for request in ({}, {}, {"tenant": "acme"}):
        send(engine, "welcome", JANE, JOE, **request)
    assert sorted(mail.subjects()) == ["jane", "joe"]
    assert (engine.count("triggers"), engine.count("recipient_runs")) == (3, 2)


def test_a_recipient_enters_once_in_each_tenant(engine: Engine, mail: MailServer) -> None:
    publish(engine, "once_per_recipient_per_tenant")
    for request in ({}, {"tenant": "acme"}, {"tenant": "umbrella"}, {"tenant": "acme"}, {}):
        send(engine, "welcome", JANE, **request)
    assert mail.subjects() == ["jane", "jane acme", "jane umbrella"]


def test_an_object_of_the_same_id_is_somebody_else(engine: Engine, mail: MailServer) -> None:
    publish(engine, "once_per_recipient")
    send(engine, "welcome", JANE, {**JANE, "collection": "projects"})
    assert len(mail.messages) == 2


def test_of_triggers_that_come_at_once_one_enters(engine: Engine, mail: MailServer) -> None:
    publish(engine, "once_per_recipient")
    people = [{"id": f"u{number}", "email": f"u{number}@example.com"} for number in range(5)]
    for number in range(12):
        engine.trigger("welcome", people[:: -1 if number % 2 else 1])
    with ThreadPoolExecutor(12) as threads:
        while bells := list(engine.bells()):
            list(threads.map(engine.answer, bells))
    assert sorted(mail.subjects()) == [f"u{number}" for number in range(5)]
    assert engine.count("entries") == 5


def test_triggers_accepted_together_enter_once(engine: Engine, mail: MailServer) -> None:
    publish(engine, "once_per_recipient")
    ids = [str(engine.trigger("welcome", [JANE])) for _ in range(3)]
    list(engine.bells())
    DOORS["accept_triggers"](ids)
    engine.drain()
    assert len(mail.messages) == 1


def test_a_child_workflow_is_entered_once(engine: Engine, mail: MailServer) -> None:
    publish(engine, "once_per_recipient")
    engine.publish("parent", [function_step("trigger_workflow", workflow_key="welcome")])
    send(engine, "parent")
    send(engine, "parent")
    assert (len(mail.messages), engine.count("triggers")) == (1, 4)


def test_workflows_are_entered_each_for_itself(engine: Engine, mail: MailServer) -> None:
    for key in ("welcome", "hello"):
        engine.publish(key, [email_step(subject=key)], trigger_frequency="once_per_recipient")
        send(engine, key)
        send(engine, key)
    assert mail.subjects() == ["welcome", "hello"]


# Data and conditions


def test_a_recipients_own_data_is_merged_over_the_triggers(engine: Engine, mail: MailServer) -> None:
    engine.publish("hello", [email_step(subject="{{ data.page.title }} {{ data.page.n }}")])
    send(
        engine,
        "hello",
        {**JANE, "$trigger_data": {"page": {"title": "Hers"}}},
        JOE,
        data={"page": {"title": "All", "n": 1}},
    )
    assert sorted(mail.subjects()) == ["All 1", "Hers 1"]
    assert "$trigger_data" not in engine.one("select properties from recipients where id = 'jane'").properties


def test_conditions_of_the_workflow_end_a_run_before_its_first_step(engine: Engine, mail: MailServer) -> None:
    engine.publish("hello", [delay_step(), email_step()], conditions=equals("recipient.plan", "pro"))
    send(engine, "hello", {**JANE, "plan": "pro"}, {**JOE, "plan": "free"})
    assert engine.statuses() == {"paused": 1, "completed": 1}
    assert details(engine, "run_halted") == [{"reason": "the workflow's conditions are not met"}]
    seen = {each["evaluations"][0]["value"]: each["passed"] for each in details(engine, "conditions_evaluated")}
    assert seen == {"pro": True, "free": False}
    engine.advance(days=3)
    assert len(mail.messages) == 1
    assert len(details(engine, "conditions_evaluated")) == 2


def test_a_first_step_that_is_tried_again_is_still_behind_the_workflows_conditions(
    engine: Engine, mail: MailServer
) -> None:
    broken = email_step(subject="{{ 1 | divided_by: recipient.n }}")
    engine.publish("hello", [broken], conditions=equals("recipient.plan", "pro"))
    send(engine, "hello", {**JANE, "plan": "pro", "n": 0})
    assert engine.statuses() == {"queued": 1}
    engine.identify("jane", plan="free", n=1)
    engine.advance(seconds=2)
    engine.release()
    assert (mail.messages, engine.statuses()) == ([], {"completed": 1})


def test_conditions_of_a_step_skip_it_and_the_next_one_runs(engine: Engine, mail: MailServer) -> None:
    first = {**email_step("a"), "conditions": equals("data.n", "1")}
    engine.publish("hello", [first, email_step("b")])
    send(engine, "hello", data={"n": 2})
    assert mail.subjects() == ["Subject of b"]
    assert [event for event, _ in logged(engine)][:3] == ["step_started", "conditions_evaluated", "step_skipped"]


def test_conditions_on_an_earlier_message(engine: Engine, mail: MailServer) -> None:
    unsent = {"variable": "refs.a.delivery_status", "operator": "less_than", "argument": "$message.sent"}
    skipped = {"variable": "refs.b.delivery_status", "operator": "equal_to", "argument": "$message.skipped"}
    second = {**email_step("b"), "conditions": {"all": [unsent]}}
    third = {**email_step("c"), "conditions": {"all": [skipped]}}
    engine.publish("hello", [email_step("a"), delay_step(), second, third])
    send(engine, "hello")
    engine.advance(days=3)
    assert mail.subjects() == ["Subject of a", "Subject of c"]


def test_conditions_on_what_a_recipient_did_with_a_message(engine: Engine, mail: MailServer) -> None:
    unread = {"variable": "refs.a.engagement_status", "operator": "not_contains", "argument": "$message.read"}
    engine.publish("hello", [email_step("a"), delay_step(), {**email_step("b"), "conditions": {"all": [unread]}}])
    send(engine, "hello", JANE, JOE)
    engine.rows("update messages set read_at = engine_now() where recipient_id = 'jane' returning 1")
    engine.advance(days=3)
    assert sorted(str(each["To"]) for each in mail.messages if each["Subject"] == "Subject of b") == ["joe@example.com"]


def test_in_the_sandbox_channel_steps_are_not_judged_and_others_are(engine: Engine, mail: MailServer) -> None:
    never = equals("data.n", "1")
    delay = {**delay_step(), "conditions": never}
    engine.publish("hello", [delay, {**email_step(), "conditions": never}])
    send(engine, "hello", settings={"sandbox_mode": True})
    assert [row.status for row in engine.rows("select status from messages")] == ["not_sent"]
    assert len(details(engine, "conditions_evaluated")) == 1
    assert mail.messages == []
