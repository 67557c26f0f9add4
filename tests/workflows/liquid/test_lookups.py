from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import Any

import pytest

from workflows.effects import LookUp
from workflows.errors import TemplateError
from workflows.liquid.environment import compile_template
from workflows.liquid.lookups import LOOKUP_LIMIT, EntityNeeded, rendering
from workflows.model import Workflow
from workflows.program import Program
from workflows.scope import ENTITIES, Scope, StepContext
from workflows.templates import Partial, Resources

STORE: dict[tuple[str, str, str], Any] = {
    ("user", "$users", "jane"): {"id": "jane", "name": "<Jane>", "best_friend": "joe"},
    ("user", "$users", "joe"): {"id": "joe", "name": "Joe"},
    ("object", "projects", "p1"): {"id": "p1", "collection": "projects", "title": "Park"},
    ("tenant", "$tenants", "acme"): {"id": "acme", "name": "Acme"},
    ("subscriptions", "$users", "jane"): [{"object": {"id": f"o{number}"}} for number in range(40)],
    ("subscriptions", "projects", "p1"): [{"object": {"id": "parent"}, "properties": {"role": "child"}}],
}


def context(**data: Any) -> StepContext:
    scope = Scope(data=data, recipient={"id": "jane"})
    return StepContext(
        scope=scope, now=datetime(2026, 3, 2, tzinfo=UTC), channels={}, program=Program(Workflow("w", "W", ()))
    )


def drive(steps: Generator[Any, Any, Any]) -> tuple[Any, list[Any]]:
    """What the steps return when every look-up is answered from the store, and what they asked for."""
    asked: list[Any] = []
    answer = None
    try:
        while True:
            effect = steps.send(answer)
            asked.append(effect)
            answer = STORE.get((effect.kind, effect.collection, effect.id))
    except StopIteration as end:
        return end.value, asked


def renders(
    source: str, step: StepContext, *, html: bool = False, resources: Resources | None = None
) -> Callable[[], str]:
    template = compile_template(source, name="t", html=html, resources=resources or Resources())
    return lambda: template.render(step.scope.variables)


def rendered(
    source: str, *, html: bool = False, resources: Resources | None = None, **data: Any
) -> tuple[Any, list[Any]]:
    step = context(**data)
    return drive(rendering(step, renders(source, step, html=html, resources=resources)))


@pytest.mark.parametrize(
    ("source", "text", "asked"),
    [
        ("{% assign u = 'joe' | user %}{{ u.name }}", "Joe", LookUp("user", "$users", "joe")),
        ("{% assign u = data.id | user %}{{ u.name }}", "Joe", LookUp("user", "$users", "joe")),
        ("{% assign p = 'p1' | object: 'projects' %}{{ p.title }}", "Park", LookUp("object", "projects", "p1")),
        ("{% assign t = 'acme' | tenant %}{{ t.name }}", "Acme", LookUp("tenant", "$tenants", "acme")),
        ("{{ recipient.id | subscriptions | size }}", "25", LookUp("subscriptions", "$users", "jane")),
        ("{{ recipient | subscriptions | size }}", "25", LookUp("subscriptions", "$users", "jane")),
        (
            "{% assign s = data.ref | subscriptions %}{{ s[0].object.id }}",
            "parent",
            LookUp("subscriptions", "projects", "p1"),
        ),
        ("{% assign u = 'nobody' | user %}[{{ u.name }}]", "[]", LookUp("user", "$users", "nobody")),
        ("{{ 'nobody' | subscriptions | size }}", "0", LookUp("subscriptions", "$users", "nobody")),
    ],
)
def test_a_template_is_rendered_with_what_it_looks_up(source: str, text: str, asked: LookUp) -> None:
    assert rendered(source, id="joe", ref={"id": "p1", "collection": "projects"}) == (text, [asked])


def test_an_entity_may_lead_to_the_next_one() -> None:
    text, asked = rendered("{% assign u = 'jane' | user %}{% assign f = u.best_friend | user %}{{ f.name }}")
    assert text == "Joe"
    assert [effect.id for effect in asked] == ["jane", "joe"]


def test_nothing_is_looked_up_without_an_id() -> None:
    assert rendered("[{{ data.id | user }}{{ '' | user }}{{ data.x | object: 'projects' }}]") == ("[]", [])


def test_what_an_entity_brings_is_escaped() -> None:
    assert rendered("{% assign u = 'jane' | user %}{{ u.name }}", html=True)[0] == "&lt;Jane&gt;"


def test_an_entity_is_asked_for_once_in_a_step() -> None:
    step = context()
    source = "{% assign u = 'joe' | user %}{{ u.name }}{% assign v = 'joe' | user %}{{ v.name }}"
    assert drive(rendering(step, renders(source, step))) == ("JoeJoe", [LookUp("user", "$users", "joe")])
    assert drive(rendering(step, renders(source, step))) == ("JoeJoe", [])


def test_partials_look_up_too() -> None:
    partial = Partial("p", "P", "text", "{% assign u = id | user %}{{ u.name }}")
    assert rendered("{% render 'p', id: 'joe' %}", resources=Resources(partials={"p": partial}))[0] == "Joe"


def test_the_need_passes_through_the_templates_guards() -> None:
    with pytest.raises(EntityNeeded) as needed:
        compile_template("{% for i in (1..3) %}{{ 'joe' | user | json }}{% endfor %}", name="t").render({})
    assert (needed.value.kind, needed.value.collection, needed.value.id) == ("user", "$users", "joe")


def test_too_many_look_ups_are_an_error_of_the_template() -> None:
    ids = [str(number) for number in range(LOOKUP_LIMIT + 1)]
    with pytest.raises(TemplateError, match="more than 50 entities are looked up, the last one is user '50' of"):
        rendered("{% for id in data.ids %}{{ id | user }}{% endfor %}", ids=ids)
    assert len(rendered("{% for id in data.ids %}{{ id | user }}{% endfor %}", ids=ids[1:])[1]) == LOOKUP_LIMIT


@pytest.mark.parametrize(
    "source", ["{{ ['$entities'] }}", "{{ [data.name] }}", "{% for e in ['$entities'] %}x{% endfor %}"]
)
def test_no_template_sees_the_table_of_entities(source: str) -> None:
    step = context(name=ENTITIES)
    step.scope.entities["user", "$users", "joe"] = {"secret": 1}
    assert renders(source, step)() == ""


def test_data_cannot_bring_entities_of_its_own() -> None:
    step = context(**{ENTITIES: {("user", "$users", "joe"): {"name": "Mallory"}}})
    render = renders("{% assign u = 'joe' | user %}{{ u.name }}", step)
    assert drive(rendering(step, render)) == ("Joe", [LookUp("user", "$users", "joe")])
