from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflows.channels.conftest import MakeSender, Sender
from workflows.channels.chat import shown
from workflows.content import Chat
from workflows.errors import StepFailed
from workflows.model import Overrides
from workflows.templates import ChatTemplate

HELLO = ChatTemplate("**Hi** {{ recipient.name }}", summary="Hi from {{ data.who }}")
HOOK = "https://hooks.slack.com/services/T0/B0/the-secret"


@pytest.fixture
def chat(sender: MakeSender) -> MakeSender:
    def make(data: object, template: ChatTemplate = HELLO, **fields: Any) -> Sender:
        return sender(template, "chat", data={"who": "Joe"}, channel_data={"ch_1": data}, **fields)

    return make


def test_each_connection_gets_a_message(chat: MakeSender) -> None:
    connections = [{"channel_id": "C1"}, {"user_id": "U1", "access_token": "xoxb-secret"}, {"channel_id": "C1"}]
    found = chat({"connections": connections, "token": {"access_token": "xoxb-other"}}).send()
    assert found == [
        Chat({"channel_id": "C1"}, "**Hi** Jane", summary="Hi from Joe"),
        Chat({"user_id": "U1"}, "**Hi** Jane", summary="Hi from Joe"),
    ]


def test_a_content_holds_no_secret_and_still_tells_connections_apart(chat: MakeSender) -> None:
    hooks = [{"incoming_webhook": {"url": url}} for url in (HOOK, HOOK + "2")]
    found = chat({"connections": [*hooks, {"channel_id": "C1", "access_token": "the-secret"}]}).send()
    assert "the-secret" not in repr([each.as_json() for each in found])
    assert [each.connection for each in found[:2]] == [shown(hook) for hook in hooks]
    assert found[0].connection != found[1].connection
    assert found[0].connection["incoming_webhook"]["url"].startswith("https://hooks.slack.com/…")


def test_teams_and_discord_have_connections_of_their_own_shape(chat: MakeSender) -> None:
    team = {"ms_teams_team_id": "t", "ms_teams_channel_id": "c"}
    found = chat({"ms_teams_tenant_id": "x", "connections": [team, {"channel_id": "D1", "colour": "red"}]}).send()
    assert [each.connection for each in found] == [team, {"channel_id": "D1"}]


NOWHERE: list[object] = [
    None,
    {},
    [],
    {"connections": []},
    {"connections": None},
    {"connections": [{}, None, "C1"]},
    {"connections": [{"access_token": "xoxb"}, {"channel_name": "general"}, {"ms_teams_tenant_id": "x"}]},
    {"connections": [{"channel_id": None, "incoming_webhook": {"url": ""}}]},
    {"token": {"access_token": "xoxb"}},
]


@pytest.mark.parametrize("data", NOWHERE)
def test_without_a_connection_there_is_no_message(data: object, chat: MakeSender) -> None:
    assert chat(data, recipient={"email": "jane@example.com"}).reason() == (
        "recipient has no connection for channel `the-channel`"
    )


def test_the_tenants_connections_are_not_the_recipients(chat: MakeSender) -> None:
    tenant = {"ch_1": {"connections": [{"channel_id": "C-all"}], "token": {"access_token": "xoxb"}}}
    assert "no connection" in chat(None, tenant_channel_data=tenant).reason()


BY_EMAIL = Overrides(email_based_user_id_resolution=True)


def test_a_user_may_be_found_by_the_email_address(chat: MakeSender) -> None:
    found = chat({}, overrides=BY_EMAIL, recipient={"email": " jane@example.com "})
    assert found.one().connection == {"email": "jane@example.com"}
    assert "no connection" in chat({}, overrides=BY_EMAIL, recipient={"email": ""}).reason()
    known = chat({"connections": [{"user_id": "U1"}]}, overrides=BY_EMAIL, recipient={"email": "jane@example.com"})
    assert known.one().connection == {"user_id": "U1"}


TO_C1 = {"connections": [{"channel_id": "C1"}]}


def test_json_goes_before_markdown(chat: MakeSender) -> None:
    blocks = '{"blocks": [{"type": "section", "text": {{ recipient.name | json }}}]}'
    message = chat(TO_C1, ChatTemplate("unused", json_body=blocks)).one()
    assert message == Chat(TO_C1["connections"][0], json_content={"blocks": [{"type": "section", "text": "Jane"}]})


def test_json_that_renders_to_nothing_leaves_the_markdown(chat: MakeSender) -> None:
    message = chat(TO_C1, ChatTemplate("Hi", json_body="{% if data.x %}{}{% endif %}")).one()
    assert (message.markdown, message.json_content) == ("Hi", None)


def test_json_that_is_none_says_so(chat: MakeSender) -> None:
    with pytest.raises(StepFailed, match=r"step_1/json_body does not render to JSON: .* line 1 column 12"):
        chat(TO_C1, ChatTemplate("Hi", json_body='{"blocks": {{ recipient.name }}}')).send()


@given(
    st.dictionaries(
        st.sampled_from(["access_token", "token", "password", "x", "incoming_webhook"]), st.text(min_size=1)
    )
)
def test_of_a_connection_only_known_places_are_shown(connection: dict[str, str]) -> None:
    assert shown(connection) == {}


@given(st.text(alphabet="ab/@:?#.", max_size=20))
def test_a_webhooks_path_and_login_are_never_shown(secret: str) -> None:
    url = f"https://user:pass@hooks.test/{secret}x9y8"
    (address,) = [shown({"incoming_webhook": {"url": url}})["incoming_webhook"]["url"]]
    assert "x9y8" not in address
    assert "pass" not in address


def test_other_services_have_connections_of_their_own(chat: MakeSender) -> None:
    found = chat({"connections": [{"chat_id": -1001}, {"chat_id": "@news"}, {"phone_number": "+1555"}]}).send()
    assert [each.connection for each in found] == [
        {"chat_id": "-1001"},
        {"chat_id": "@news"},
        {"phone_number": "+1555"},
    ]


def test_of_an_apprise_address_only_its_service_is_shown() -> None:
    one, other = (shown({"apprise_url": f"tgram://{token}/1"}) for token in ("the-secret", "another"))
    assert one != other
    assert str(one["apprise_url"]).startswith("tgram://…")
    assert "secret" not in repr(one)


def test_whatsapp_reaches_a_phone_number(chat: MakeSender) -> None:
    jane = {"phone_number": " +15550001 "}
    assert chat(None, provider="whatsapp", recipient=jane).one().connection == {"phone_number": "+15550001"}
    assert "no connection" in chat(None, provider="telegram", recipient=jane).reason()
    own = {"connections": [{"phone_number": "+1666"}]}
    assert chat(own, provider="whatsapp", recipient=jane).one().connection == {"phone_number": "+1666"}


def test_a_channel_may_know_where_to_by_itself(chat: MakeSender) -> None:
    assert chat(None, provider="apprise", is_addressed=True).one().connection == {}
    own = {"connections": [{"apprise_url": "tgram://token/1"}]}
    assert "apprise_url" in chat(own, provider="apprise", is_addressed=True).one().connection
