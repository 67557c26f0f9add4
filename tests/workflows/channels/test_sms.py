from __future__ import annotations

from functools import partial

import pytest

from tests.workflows.channels.conftest import MakeSender, Sender
from workflows.content import Sms
from workflows.errors import StepFailed, TemplateError
from workflows.templates import SmsTemplate


@pytest.fixture
def sms(sender: MakeSender) -> MakeSender:
    def make(text_body: str = "Hello {{ recipient.name }}", **fields: object) -> Sender:
        settings = {name: fields.pop(name) for name in ("to_number", "payload_overrides") if name in fields}
        return sender(SmsTemplate(text_body, **settings), "sms", **fields)  # type: ignore[arg-type]

    return make


JANE = {"phone_number": "+15550001"}


def test_a_text_goes_to_the_recipients_number(sms: MakeSender) -> None:
    assert sms(recipient=JANE).one() == Sms("+15550001", "Hello Jane")


def test_a_step_may_name_another_number(sms: MakeSender) -> None:
    message = sms(to_number="{{ data.number }}", data={"number": " +1555\n0002 "}, recipient=JANE).one()
    assert message.to == "+1555 0002"


@pytest.mark.parametrize("number", [None, "", " ", 15550001, ["+1"]])
def test_without_a_number_there_is_no_sms(number: object, sms: MakeSender) -> None:
    assert sms(recipient={"phone_number": number}).reason() == "recipient has no phone number"


def test_an_override_without_a_number_does_not_fall_back_to_the_recipients(sms: MakeSender) -> None:
    assert sms(to_number="{{ data.number }}", recipient=JANE).reason() == "the step's to_number is empty"


def test_nothing_in_a_text_is_escaped(sms: MakeSender) -> None:
    assert sms("{{ recipient.name }}", recipient={**JANE, "name": '<b> & "Jane"'}).one().body == '<b> & "Jane"'


def test_overrides_are_the_json_that_their_template_renders_to(sms: MakeSender) -> None:
    overrides = '{"from": {{ recipient.name | json }}, "n": [1]}'
    assert sms(recipient=JANE, payload_overrides=overrides).one().overrides == {"from": "Jane", "n": [1]}
    assert sms(recipient=JANE, payload_overrides="{% if data.x %}{}{% endif %}").one().overrides == {}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('{"a": {{ recipient.name }}}', "does not render to JSON: Expecting value: line 1 column 7"),
        ("[1]", "must render to a JSON object, not to a list"),
        ("null", "must render to a JSON object, not to null"),
        ('"text"', "must render to a JSON object, not to text"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ("[" * 100_000, "does not render to JSON"),
    ],
)
def test_overrides_that_are_no_json_object_say_what_is_wrong(written: str, said: str, sms: MakeSender) -> None:
    with pytest.raises(StepFailed) as caught:
        sms(recipient=JANE, payload_overrides=written).send()
    assert str(caught.value).startswith("step_1/settings/payload_overrides ")
    assert said in str(caught.value)
    assert "Jane" not in str(caught.value)


@pytest.mark.parametrize("place", ["text_body", "to_number", "payload_overrides"])
def test_a_template_that_does_not_parse_names_its_place(place: str, sms: MakeSender) -> None:
    make = partial(sms, **{place: "{{ x | no_such }}"})
    with pytest.raises(TemplateError, match=f"step_1/(settings/)?{place}, line 1"):
        make()


def test_the_link_to_unsubscribe_is_a_variable(sms: MakeSender) -> None:
    text = "Stop: {{ vars.commercial_unsubscribe_url }}"
    assert sms(text, recipient=JANE, unsubscribe_url="https://d.test/u/1").one().body == "Stop: https://d.test/u/1"
