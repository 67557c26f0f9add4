from __future__ import annotations

from typing import Any

import pytest

from tests.workflows.channels.conftest import MakeSender, Sender
from workflows.content import Call
from workflows.errors import StepFailed
from workflows.templates import RequestTemplate

URL = "https://api.test/hooks/{{ recipient.id }}"


@pytest.fixture
def webhook(sender: MakeSender) -> MakeSender:
    def make(url: str = URL, method: str = "post", *, data: Any = None, **template: Any) -> Sender:
        return sender(RequestTemplate(method, url, **template), "http", data=data)  # type: ignore[arg-type]

    return make


def test_a_request_is_made_of_its_templates(webhook: MakeSender) -> None:
    call = webhook(
        headers=(("X-Who", "{{ recipient.name }}"), ("X-Line", "a\r\nX-Evil: 1")),
        query_params=(("n", "{{ data.n }}"), ("n", "&")),
        body='{"name": {{ recipient.name | json }}}',
        data={"n": 1},
    ).one()
    assert call == Call(
        "POST",
        "https://api.test/hooks/jane",
        {"X-Who": "Jane", "X-Line": "a X-Evil: 1"},
        (("n", "1"), ("n", "&")),
        '{"name": "Jane"}',
    )


def test_nobody_needs_channel_data_for_a_webhook(webhook: MakeSender) -> None:
    assert webhook("https://api.test/", "get").one() == Call("GET", "https://api.test/")


def test_without_a_url_there_is_no_request(webhook: MakeSender) -> None:
    assert webhook(" {{ data.url }} ").reason() == "the webhook's URL is empty"


@pytest.mark.parametrize(
    "written",
    [
        '{"X-A": "1", "X-B": 2, "X-C": null}',
        '[{"key": "X-A", "value": "1"}, {"key": "X-B", "value": 2}, {"key": "X-C"}]',
    ],
)
def test_headers_and_parameters_may_be_one_template(written: str, webhook: MakeSender) -> None:
    call = webhook(headers=written, query_params=written).one()
    assert call.headers == {"X-A": "1", "X-B": "2", "X-C": ""}
    assert call.query_params == (("X-A", "1"), ("X-B", "2"), ("X-C", ""))


@pytest.mark.parametrize("written", ["[1]", '[["a", "b"]]', '"x"', "{"])
def test_headers_that_are_no_pairs_say_so(written: str, webhook: MakeSender) -> None:
    with pytest.raises(StepFailed, match=r"step_1/headers (must|does not) render to"):
        webhook(headers=written).send()


def test_headers_that_render_to_nothing_are_none(webhook: MakeSender) -> None:
    assert webhook(headers="{% if data.x %}{}{% endif %}").one().headers == {}


JSON = (("Content-Type", "application/vnd.test+JSON; charset=utf-8"),)


@pytest.mark.parametrize("headers", [(), JSON])
def test_a_body_that_is_called_json_must_be(headers: Any, webhook: MakeSender) -> None:
    with pytest.raises(StepFailed, match="step_1/body does not render to JSON: Expecting value: line 1 column 7"):
        webhook(body='{"a": {{ recipient.name }}}', headers=headers).send()


def test_any_other_body_is_as_it_is_written(webhook: MakeSender) -> None:
    call = webhook(body="Hello {{ recipient.name }}", headers=(("content-type", "text/plain"),)).one()
    assert call.body == "Hello Jane"


def test_a_body_that_renders_to_nothing_is_none(webhook: MakeSender) -> None:
    assert webhook(body=" {{ data.body }}\n").one().body is None
