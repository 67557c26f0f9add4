from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.workflows.channels.conftest import MakeSender, Sender
from workflows.content import Push
from workflows.model import Overrides
from workflows.templates import PushTemplate, Resources, Translation

HELLO = PushTemplate("Hi {{ recipient.name }}", "You have {{ data.n }}")


@pytest.fixture
def push(sender: MakeSender) -> MakeSender:
    def make(data: object, template: PushTemplate = HELLO, **fields: Any) -> Sender:
        return sender(template, "push", data={"n": 3}, channel_data={"ch_1": data}, **fields)

    return make


@pytest.mark.parametrize(
    ("data", "tokens"),
    [
        ({"tokens": ["a", "b"]}, ["a", "b"]),
        ({"tokens": ["a", "a"], "devices": []}, ["a"]),
        ({"player_ids": ["p"]}, ["p"]),
        ({"target_arns": ["arn:1"]}, ["arn:1"]),
        ({"devices": [{"target_arn": "arn:1"}], "target_arns": ["arn:1", "arn:2"]}, ["arn:1", "arn:2"]),
        ({"devices": [{"token": "a"}, {"token": ""}, {}, None, "x"], "tokens": [None, 3, "", "b"]}, ["a", "b"]),
    ],
)
def test_each_device_gets_a_message(data: dict[str, Any], tokens: list[str], push: MakeSender) -> None:
    assert push(data).send() == [Push(token, "Hi Jane", "You have 3") for token in tokens]


def test_what_is_known_of_a_device_stays_with_its_token(push: MakeSender) -> None:
    devices = [{"token": "a", "locale": "fr-FR", "timezone": "Europe/Paris"}, {"token": "b", "locale": None}]
    known = [{"token": "a", "locale": "fr-FR", "timezone": "Europe/Paris"}, {"token": "b"}, {"token": "c"}]
    assert push({"devices": devices, "tokens": ["a", "c"]}).addresses() == known


def test_a_device_is_addressed_in_its_own_language(push: MakeSender) -> None:
    resources = Resources(translations=(Translation("en", {"hi": "Hi"}), Translation("fr", {"hi": "Salut"})))
    devices = {"devices": [{"token": "a", "locale": "fr-FR"}, {"token": "b"}]}
    template = PushTemplate('{{ "hi" | t }}', "{{ recipient.name }}")
    found = push(devices, template, resources=resources, recipient={"locale": "en-GB"}).send()
    assert [(each.title, each.body) for each in found] == [("Salut", "Jane"), ("Hi", "Jane")]


@pytest.mark.parametrize("data", [None, {}, [], "tokens", {"tokens": []}, {"tokens": "a"}, {"devices": {"token": "a"}}])
def test_without_a_token_there_is_no_push(data: object, push: MakeSender) -> None:
    assert push(data).reason() == "recipient has no push token for channel `the-channel`"


def test_tokens_of_another_channel_are_not_used(sender: MakeSender) -> None:
    assert "no push token" in sender(HELLO, "push", channel_data={"ch_2": {"tokens": ["a"]}}).reason()


def test_a_silent_push_is_one_and_carries_its_overrides(push: MakeSender) -> None:
    template = PushTemplate("", "", delivery_type="silent", payload_overrides='{"data": {"n": {{ data.n }}}}')
    message = push({"tokens": ["a"]}, template).one()
    assert (message.is_silent, message.overrides) == (True, {"data": {"n": 3}})


def test_a_step_may_say_what_becomes_of_dead_tokens(push: MakeSender) -> None:
    message = push({"tokens": ["a"]}, overrides=Overrides(token_deregistration=False)).one()
    assert message.token_deregistration is False
    assert "token_deregistration" not in push({"tokens": ["a"]}).one().as_json()


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda each: (
        st.lists(each, max_size=3)
        | st.dictionaries(st.sampled_from(["tokens", "devices", "token", "locale", "player_ids"]), each, max_size=3)
    ),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(json)
def test_any_channel_data_gives_distinct_texts_or_a_reason(push: MakeSender, data: Any) -> None:
    found = push(data)
    try:
        tokens = [address["token"] for address in found.addresses()]
    except Exception:
        assert "no push token" in found.reason()
    else:
        assert len(set(tokens)) == len(tokens) > 0
        assert all(isinstance(token, str) and token for token in tokens)
