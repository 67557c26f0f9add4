"""The hosted preference centre: configuration, links, the page, and what its form writes."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from notify_workers import preference_center, unsubscribes
from notify_workers.environments import set_default_preferences, set_variables
from notify_workers.store.environments import signing_secret
from notify_workers.store.recipients import identify
from notify_workers.store.session import transaction
from tests.answers import PRODUCTION, code
from tests.channels import TEMPLATES
from tests.conftest import PUBLIC, CheckedClient
from tests.engine import DEVELOPMENT, Engine, email_step
from tests.mail_server import MailServer
from workflows.errors import DocumentInvalid
from workflows.recipients import TENANTS, USERS, Identity, Reference

JANE = {"id": "jane", "email": "jane@example.com"}
CONFIG: dict[str, Any] = {
    "title": "Your <notifications>",
    "body": "Choose & go",
    "show_account_name": True,
    "rows": [
        {"type": "category", "identifier": "news", "name": "News", "description": "What is <new>"},
        {"type": "category", "identifier": "team.x", "name": "Team", "channel_types": ["email", "sms"]},
        {"type": "workflow", "identifier": "invite", "name": "Invites"},
        {"type": "channel_types", "name": "Channels", "channel_types": ["email", "push"]},
        {"type": "commercial_subscribed", "name": "Offers"},
    ],
}


class Form(HTMLParser):
    """What a browser sends of the page's form, and what somebody may switch in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self.switches: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag != "input":
            return
        value = str(known["value"])
        if known["type"] == "checkbox":
            self.switches.append(value)
        if known["type"] == "hidden" or "checked" in known:
            self.fields.append((str(known["name"]), value))

    @property
    def on(self) -> list[str]:
        return [value for name, value in self.fields if name == "on"]

    def switch(self, *paths: str) -> dict[str, list[str]]:
        """The form with some switches switched, ready to be posted."""
        on = set(self.on) ^ set(paths)
        was = {name: [value for each, value in self.fields if each == name] for name in ("was_on", "was_off")}
        return {"on": sorted(on), **was}


def link(api: CheckedClient, user: str = "jane") -> str:
    """The path of a new link."""
    answer = api.post(f"/v1/users/{user}/preference_center/signed_url")
    assert answer.status_code == 200
    shown = answer.json()
    assert shown["url"] == f"http://127.0.0.1:4000/p/{shown['token']}"
    return str(urlsplit(shown["url"]).path)


def save(api: CheckedClient, path: str, *switched: str) -> httpx2.Response:
    """Opens the page, switches, and saves."""
    form = Form(api.get(path).text).switch(*switched)
    return api.post(path, data=form)


def stored(engine: Engine) -> Any:
    rows = engine.rows("select preferences from recipients where collection = '$users'")
    return rows[0].preferences if rows else None


@pytest.fixture
def configured(engine: Engine) -> Engine:
    preference_center.configure(DEVELOPMENT, CONFIG)
    return engine


def test_the_configuration_is_shown_with_the_brand(api: CheckedClient, configured: Engine) -> None:
    brand = {"logo_url": "https://a.test/l.png", "primary_color": "#123456", "dark_primary_color": "#abcdef"}
    brand["icon_url"], brand["primary_color_contrast"] = "javascript:1", "red;}"
    set_variables(DEVELOPMENT, {"branding": brand, "app_name": "Acme"})
    configured.identify("jane", email="jane@example.com")
    shown = api.get("/v1/users/jane/preference_center/config", headers=PUBLIC).json()
    nothing = {"icon_url": None, "logo_url": None, "primary_color_contrast": None}
    assert shown["branding"] == {
        **nothing,
        "logo_url": "https://a.test/l.png",
        "primary_color": "#123456",
        "dark": {**nothing, "primary_color": "#abcdef"},
    }
    assert (shown["enabled"], shown["account_name"], shown["user_email"]) == (True, "Acme", "jane@example.com")
    assert shown["config"]["title"] == CONFIG["title"]
    assert [each["name"] for each in shown["config"]["rows"]] == ["News", "Team", "Invites", "Channels", "Offers"]


def test_without_a_configuration_the_workflows_say_what_there_is_to_choose(api: CheckedClient, engine: Engine) -> None:
    sms = {"ref": "sms_1", "type": "channel", "channel_key": "sms", "channel_type": "sms", "template": TEMPLATES["sms"]}
    branch = {"ref": "branch_1", "type": "branch", "branches": [{"name": "A", "terminates": False, "steps": [sms]}]}
    engine.publish("first", [email_step(), branch], categories=["team_invites", "news"])
    engine.publish("second", [email_step()], categories=["news"], settings={"is_commercial": True})
    engine.publish("third", [email_step()], categories=["security"], settings={"override_preferences": True})
    rows = api.get("/v1/users/jane/preference_center/config").json()["config"]["rows"]
    assert [(each["type"], each["identifier"], each["name"]) for each in rows] == [
        ("category", "news", "News"),
        ("category", "team_invites", "Team invites"),
        ("channel_types", None, "How we reach you"),
        ("commercial_subscribed", None, "News and offers"),
    ]
    assert rows[2]["channel_types"] == ["email", "sms"]
    assert len(Form(api.get(link(api)).text).switches) == 5


def test_nothing_to_choose_is_said(api: CheckedClient) -> None:
    page = api.get(link(api))
    assert (page.status_code, "nothing to choose" in page.text) == (200, True)


def test_everything_on_the_page_is_escaped_and_nothing_is_fetched_or_kept(
    api: CheckedClient, configured: Engine
) -> None:
    configured.identify("jane", email='<b>"j')
    page = api.get(link(api))
    assert "<notifications>" not in page.text
    assert "<new>" not in page.text
    assert "<b>" not in page.text
    assert "Your &lt;notifications&gt;" in page.text
    assert "<script" not in page.text
    policy = page.headers["content-security-policy"]
    (nonce,) = re.findall(r"style-src 'nonce-([^']+)'", policy)
    assert f'<style nonce="{nonce}">' in page.text
    assert {"default-src 'none'", "frame-ancestors 'none'"} <= set(policy.split("; "))
    assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")


def test_switches_stand_as_the_preferences_say(api: CheckedClient, configured: Engine) -> None:
    set_default_preferences(DEVELOPMENT, {"categories": {"team.x": {"channel_types": {"sms": False}}}})
    api.put(
        "/v1/users/jane/preferences/default", json={"channel_types": {"push": False}, "workflows": {"invite": False}}
    )
    form = Form(api.get(link(api)).text)
    off = set(form.switches) - set(form.on)
    assert off == {
        '["categories","team.x","channel_types","sms"]',
        '["channel_types","push"]',
        '["workflows","invite"]',
    }


def test_only_what_is_switched_is_written(api: CheckedClient, configured: Engine) -> None:
    path = link(api)
    assert save(api, path).status_code == 200
    assert stored(configured) is None
    saved = save(api, path, '["categories","news"]', '["categories","team.x","channel_types","sms"]')
    assert "Your preferences are saved" in saved.text
    assert str(saved.url).endswith("?saved")
    expected = {"categories": {"news": False, "team.x": {"channel_types": {"sms": False}}}}
    assert stored(configured) == {"default": expected}
    save(api, path, '["commercial_subscribed"]', '["categories","news"]')
    expected["categories"]["news"] = True
    assert stored(configured) == {"default": {**expected, "commercial_subscribed": False}}


def test_what_changed_elsewhere_since_the_page_was_opened_stays(api: CheckedClient, configured: Engine) -> None:
    path = link(api)
    form = Form(api.get(path).text).switch('["categories","news"]')
    api.put("/v1/users/jane/preferences/default", json={"commercial_subscribed": False})
    api.post(path, data=form)
    assert stored(configured) == {"default": {"commercial_subscribed": False, "categories": {"news": False}}}


def test_one_channel_type_of_what_was_off_as_a_whole_is_switched_on_alone(
    api: CheckedClient, configured: Engine
) -> None:
    api.put("/v1/users/jane/preferences/default", json={"categories": {"team.x": False}})
    path = link(api)
    save(api, path, '["categories","team.x","channel_types","email"]')
    types = dict.fromkeys(("email", "in_app_feed", "push", "sms", "chat", "http"), False) | {"email": True}
    assert stored(configured) == {"default": {"categories": {"team.x": {"channel_types": types}}}}
    assert '["categories","team.x","channel_types","sms"]' not in Form(api.get(path).text).on


def test_what_the_page_does_not_have_is_not_written(api: CheckedClient, configured: Engine) -> None:
    path = link(api)
    foreign = {"was_on": ['["categories","other"]', '["__strategy__"]', "[]", '["categories"]'], "on": []}
    assert api.post(path, data=foreign).status_code == 200
    assert stored(configured) is None
    for nonsense in ("[", "1", '[{"a":1}]', "[" * 10_000):
        refused = api.post(path, data={"was_on": nonsense})
        assert (refused.status_code, code(refused)) == (422, "invalid_params")


def test_a_link_that_was_not_made_here_or_has_expired_leads_nowhere(api: CheckedClient, configured: Engine) -> None:
    path = link(api)
    with transaction() as tx:
        secret = str(signing_secret(tx, DEVELOPMENT))
    other = urlsplit(unsubscribes.link(DEVELOPMENT, secret, Reference(USERS, "jane"))).path.rpartition("/")[2]
    body, _, signature = path.rpartition("/")[2].partition(".")
    for token in ("x", "é.é", f"{body}.", f"x{body}.{signature}", f"{body}.{signature[::-1]}", other, "W10.x", "MQ.x"):
        for answer in (api.get(f"/p/{token}"), api.post(f"/p/{token}", data={"on": "[]"})):
            assert (answer.status_code, "does not work any more" in answer.text) == (404, True)
    assert api.get(path).status_code == 200
    configured.advance(days=91)
    assert api.get(path).status_code == 404
    assert save(api, link(api)).status_code == 200


def test_an_unsubscribe_link_and_this_one_do_not_stand_for_each_other(api: CheckedClient) -> None:
    token = link(api).rpartition("/")[2]
    assert api.get(f"/unsubscribe/{token}").status_code == 404


def test_a_page_that_is_switched_off_leads_nowhere_and_writes_nothing(api: CheckedClient, configured: Engine) -> None:
    path = link(api)
    form = Form(api.get(path).text).switch('["categories","news"]')
    preference_center.configure(DEVELOPMENT, {**CONFIG, "enabled": False})
    assert api.get(path).status_code == 404
    api.post(path, data=form)
    assert stored(configured) is None
    assert api.get("/v1/users/jane/preference_center/config").json()["enabled"] is False


def test_environments_have_pages_of_their_own(api: CheckedClient, configured: Engine) -> None:
    answer = api.post("/v1/users/jane/preference_center/signed_url", headers=PRODUCTION)
    assert "Your &lt;notifications" not in api.get(f"/p/{answer.json()['token']}").text
    assert api.post("/v1/users/jane/preference_center/signed_url", headers=PUBLIC).status_code == 403


def test_messages_lead_to_the_page_in_the_tenants_colours(
    api: CheckedClient, configured: Engine, mail: MailServer
) -> None:
    brand = {"settings": {"branding": {"primary_color": "#0abcde", "logo_url": 'https://a.test/x.png?a=1&b="2'}}}
    with transaction() as tx:
        identify(tx, [(DEVELOPMENT, Identity(Reference(TENANTS, "acme"), brand))])
    configured.publish("hello", [email_step(html_body='<a href="{{ vars.manage_preferences_url }}">Manage</a>')])
    configured.trigger("hello", [JANE], tenant="acme")
    configured.drain()
    body = mail.messages[-1].get_body(("html",))
    assert body is not None
    (url,) = re.findall(r'href="([^"]+/p/[^"]+)"', body.get_content())
    path = urlsplit(unescape(url)).path
    page = api.get(path).text
    assert "--accent: #0abcde" in page
    assert 'src="https://a.test/x.png?a=1&amp;b=&quot;2"' in page
    assert "For jane@example.com" in page
    save(api, path, '["workflows","invite"]')
    assert stored(configured) == {"default": {"workflows": {"invite": False}}}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "rows"),
    ({"rows": [1]}, "rows[0]"),
    ({"rows": [{"type": "fax", "name": "x"}]}, "rows[0].type"),
    ({"rows": [{"type": "category", "name": "x"}]}, "rows[0].identifier"),
    ({"rows": [{"type": "commercial_subscribed", "name": ""}]}, "rows[0].name"),
    ({"rows": [{"type": "channel_types", "name": "x", "channel_types": []}]}, "rows[0].channel_types"),
    ({"rows": [{"type": "channel_types", "name": "x", "channel_types": ["fax"]}]}, "rows[0].channel_types"),
    ({"rows": [{"type": "category", "identifier": "a", "name": "x"}] * 2}, "rows[1].identifier"),
    ({"rows": [], "title": 1}, "title"),
    ({"rows": [], "enabled": "yes"}, "enabled"),
    ({"rows": [], "colour": "red"}, "colour"),
]


@pytest.mark.parametrize(("document", "path"), WRONG)
def test_a_configuration_that_says_nothing_is_refused(engine: Engine, document: dict[str, Any], path: str) -> None:
    with pytest.raises(DocumentInvalid) as refused:
        preference_center.configure(DEVELOPMENT, document)
    assert [each.path for each in refused.value.problems] == [path]
