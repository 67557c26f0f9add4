"""Ways through a workflow: branches and experiments, as deep as they go."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine import Engine, delay_step, email_step
from tests.mail_server import MailServer
from tests.notify_workers.kill import killed_at, places_of
from tests.notify_workers.language import JANE, details, equals, send


def way(name: str, *steps: dict[str, Any], plan: str | None = None, **fields: Any) -> dict[str, Any]:
    conditions = {"conditions": equals("data.plan", plan)} if plan else {}
    return {"name": name, "steps": list(steps), **conditions, **fields}


def branch(*ways: dict[str, Any], ref: str = "branch_1") -> dict[str, Any]:
    return {"ref": ref, "type": "branch", "branches": list(ways)}


def mail_step(subject: str) -> dict[str, Any]:
    return email_step(subject, subject=subject)


@pytest.mark.parametrize(
    ("plan", "subjects"), [("pro", ["pro", "after"]), ("free", ["free", "after"]), ("x", ["other", "after"])]
)
def test_a_run_takes_the_first_way_that_applies_and_comes_back(
    plan: str, subjects: list[str], engine: Engine, mail: MailServer
) -> None:
    step = branch(
        way("Pro", mail_step("pro"), plan="pro"),
        way("Free", mail_step("free"), plan="free"),
        way("Other", mail_step("other")),
    )
    engine.publish("ways", [step, mail_step("after")])
    send(engine, "ways", data={"plan": plan})
    assert mail.subjects() == subjects


@pytest.mark.parametrize(("plan", "subjects"), [("pro", []), ("free", ["after"]), ("stop", [])])
def test_an_empty_way_leads_on_unless_it_terminates(
    plan: str, subjects: list[str], engine: Engine, mail: MailServer
) -> None:
    step = branch(way("Pro", plan="pro", terminates=True), way("Free", plan="free"), way("Other", terminates=True))
    engine.publish("ways", [step, mail_step("after")])
    send(engine, "ways", data={"plan": plan})
    assert mail.subjects() == subjects
    assert engine.statuses() == {"completed": 1}


def test_a_way_that_terminates_ends_the_run_after_its_last_step(engine: Engine, mail: MailServer) -> None:
    step = branch(way("Pro", mail_step("a"), delay_step(), mail_step("b"), plan="pro", terminates=True), way("Other"))
    engine.publish("ways", [step, mail_step("after")])
    send(engine, "ways", data={"plan": "pro"})
    engine.advance(days=3)
    assert mail.subjects() == ["a", "b"]
    assert engine.statuses() == {"completed": 1}


def test_a_run_comes_back_from_five_ways_inside_of_each_other(engine: Engine, mail: MailServer) -> None:
    inner = [delay_step(unit="hours", value=1), mail_step("innermost")]
    for depth in range(5, 0, -1):
        inner = [
            branch(way("In", *inner, plan="pro"), way("Other"), ref=f"branch_{depth}"),
            mail_step(f"after_{depth}"),
        ]
    engine.publish("ways", inner)
    send(engine, "ways", data={"plan": "pro"})
    assert (mail.subjects(), engine.one("select step from due").step) == ([], "delay_1")
    engine.advance(hours=1)
    assert mail.subjects() == ["innermost", *(f"after_{depth}" for depth in range(5, 0, -1))]


def test_what_conditions_saw_is_in_the_log(engine: Engine) -> None:
    engine.publish("ways", [branch(way("Pro", plan="pro"), way("Other"))])
    send(engine, "ways", data={"plan": "free"})
    (seen,) = details(engine, "conditions_evaluated")
    assert (seen["of"], seen["passed"]) == ("branch `Pro`", False)
    assert (seen["evaluations"][0]["value"], seen["evaluations"][0]["argument"]) == ("free", "pro")
    assert details(engine, "branch_entered") == [{"reason": "branch `Other` (the default)"}]


def test_a_crash_at_any_place_leaves_the_run_on_its_way(engine: Engine, mail: MailServer) -> None:
    engine.publish("ways", [branch(way("Pro", mail_step("pro"), plan="pro"), way("Other")), mail_step("after")])

    def step_bell() -> Any:
        engine.trigger("ways", [JANE], data={"plan": "pro"})
        (accepting,) = engine.bells()
        engine.answer(accepting)
        return next(iter(engine.bells()))

    first = step_bell()
    places = places_of(lambda: engine.answer(first))
    engine.drain()
    for place in places[:: max(1, len(places) // 25)]:
        mail.reset()
        bell = step_bell()
        killed_at(place, lambda bell=bell: engine.answer(bell))  # type: ignore[misc]
        engine.drain()
        engine.advance(seconds=16)
        assert mail.subjects() == ["pro", "after"], place
    assert set(engine.statuses()) == {"completed"}


def test_a_changed_workflow_does_not_move_a_run_that_is_on_its_way(engine: Engine, mail: MailServer) -> None:
    engine.publish(
        "ways", [branch(way("Pro", delay_step(), mail_step("old"), plan="pro"), way("Other")), mail_step("end")]
    )
    send(engine, "ways", data={"plan": "pro"})
    engine.publish("ways", [mail_step("new")])
    engine.advance(days=3)
    assert mail.subjects() == ["old", "end"]


# Experiments


def experiment(*percentages: float, **fields: Any) -> dict[str, Any]:
    cohorts = [
        {"name": f"c{number}", "percentage": each, "steps": [mail_step(f"c{number}")]}
        for number, each in enumerate(percentages)
    ]
    return {"ref": "experiment_1", "type": "random_cohort", "cohort_branches": cohorts, **fields}


def test_a_recipient_takes_the_same_way_each_time(engine: Engine, mail: MailServer) -> None:
    engine.publish("ways", [experiment(50, 50)])
    for _ in range(3):
        send(engine, "ways", *({**JANE, "id": f"u{number}", "email": f"u{number}@example.com"} for number in range(8)))
    taken = {(str(each["To"]), str(each["Subject"])) for each in mail.messages}
    assert (len(mail.messages), len(taken)) == (24, 8)
    assert len({subject for _, subject in taken}) == 2


def test_nobody_takes_a_way_of_nothing(engine: Engine, mail: MailServer) -> None:
    engine.publish("ways", [experiment(0, 100)])
    send(engine, "ways", *({**JANE, "id": f"u{number}"} for number in range(20)))
    assert set(mail.subjects()) == {"c1"}
    assert {each["cohort"] for each in details(engine, "cohort_assigned")} == {"c1"}


def test_a_cohort_may_end_the_run(engine: Engine, mail: MailServer) -> None:
    step = experiment(100, 0)
    step["cohort_branches"][0]["terminates"] = True
    engine.publish("ways", [step, mail_step("after")])
    send(engine, "ways")
    assert mail.subjects() == ["c0"]
