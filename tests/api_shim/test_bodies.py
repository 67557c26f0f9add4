"""What a body may be: its size, its JSON, and what PostgreSQL can hold."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json
from starlette.requests import Request

from api_shim.bodies import parse_json, read_body, unstorable
from api_shim.errors import BodyTooLarge, Malformed
from notify_workers.errors import InvalidParams
from notify_workers.settings import Settings
from tests.answers import code, fields
from tests.conftest import CheckedClient
from tests.engine import Engine

HUGE = 10**40 + 1


NOT_JSON = [
    b"{",
    b'{"recipients": ["jane"]} trailing',
    b"\xef\xbb\xbf{}",
    b'{"data": "\xff"}',
    b'{"data": "\xed\xa0\x80"}',
    rb'{"data": "\ud800"}',
    b'{"data": "\x00"}',
    b'{"data": NaN}',
    b'{"data": -Infinity}',
    b'{"data": ' + b"1" * 5000 + b"}",
    b"[" * 10_000 + b"]" * 10_000,
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    b'{"a":' * 10_000,
]

UNSTORABLE = {
    rb'{"name": "a\u0000b"}': "name",
    rb'{"a": {"b": [1, "\u0000"]}}': "a.b[1]",
    rb'{"a": {"\u0000": 1}}': "a",
    rb'{"\u0000": 1}': "body",
    b'{"a": [1e400]}': "a[0]",
    b'{"a": -1E+0400}': "a",
    b'{"a": 1' + b"0" * 300 + b"e99}": "a",
}


@pytest.mark.parametrize("path", ["/v1/workflows/welcome/trigger", "/v1/workflows/welcome/cancel", "/v1/notify"])
def test_what_is_not_json_is_refused(api: CheckedClient, path: str) -> None:
    answers = [api.post(path, content=body) for body in NOT_JSON]
    assert [(each.status_code, code(each)) for each in answers] == [(400, "malformed_request")] * len(NOT_JSON)
    assert "line 1 column 1" in answers[0].json()["message"]


def test_what_is_not_an_object_is_refused(api: CheckedClient) -> None:
    answers = [api.put("/v1/users/jane", content=body) for body in (b"[]", b'"text"', b"7", b"null", b"true")]
    assert [fields(answer) for answer in answers] == [["body"]] * 5


def test_no_body_is_an_empty_object(api: CheckedClient) -> None:
    assert api.put("/v1/users/jane").json()["id"] == "jane"
    assert fields(api.post("/v1/workflows/welcome/trigger")) == ["recipients"]


def test_what_postgresql_cannot_hold_is_refused_where_it_stands(api: CheckedClient) -> None:
    assert {body: fields(api.put("/v1/users/jane", content=body))[0] for body in UNSTORABLE} == UNSTORABLE


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_a_body_is_read_exactly_or_refused(value: Any) -> None:
    body = to_json({"value": value}, inf_nan_mode="constants")
    try:
        parsed = parse_json(body)
    except (InvalidParams, Malformed):
        return
    assert parsed == {"value": value}
    assert list(unstorable(parsed)) == []


def test_what_only_looks_dangerous_is_taken(api: CheckedClient) -> None:
    written = {"backslash": "\\u0000", "digest": "3e400", "zero": 1e-400, "digits": "1" * 400}
    shown = api.put("/v1/users/jane", json=written).json()
    assert {name: shown[name] for name in written} == written


def test_numbers_of_any_size_survive(api: CheckedClient, welcome: Engine) -> None:
    numbers = {"huge": HUGE, "negative": -HUGE, "decimal": 0.1, "zero": 0, "float": 1.0}
    shown = api.put("/v1/users/jane", json={"numbers": numbers}).json()["numbers"]
    assert shown == numbers
    api.post("/v1/workflows/welcome/trigger", json={"recipients": ["jane"], "data": numbers})
    welcome.drain()
    assert welcome.one("select data from triggers").data == numbers


def test_text_of_any_script_survives(api: CheckedClient) -> None:
    text = 'Zoë 🚪\U0001f514 \u202e\ufeff\x7f \\ " </script>'
    assert api.put("/v1/users/jane", json={"text": text, text: 1}).json()["text"] == text
    assert api.get("/v1/users/jane").json()[text] == 1


def test_a_body_that_announces_too_much_is_refused_before_it_is_read(api: CheckedClient, change_settings: Any) -> None:
    change_settings(max_body=100)
    for path in ("/v1/workflows/welcome/trigger", "/v1/notify/cancel"):
        answer = api.post(path, content=b" " * 101)
        assert (answer.status_code, code(answer)) == (413, "payload_too_large")
    assert api.put("/v1/users/jane", content=b"{}" + b" " * 98).status_code == 200


def test_a_body_that_goes_on_and_on_is_read_only_until_it_is_too_large(stores: Settings, change_settings: Any) -> None:
    change_settings(max_body=100)
    taken = []

    async def more() -> Any:
        taken.append(1)
        return {"type": "http.request", "body": b" " * 10, "more_body": True}

    with pytest.raises(BodyTooLarge):
        asyncio.run(read_body(Request({"type": "http", "headers": []}, more)))
    assert len(taken) == 11


def test_a_body_in_chunks_may_be_as_large_as_any(api: CheckedClient, change_settings: Any) -> None:
    change_settings(max_body=100)
    chunks = [b'{"a": "', *[b"x" * 10] * 9, b'"}']
    assert api.put("/v1/users/jane", content=iter(chunks)).json()["a"] == "x" * 90
    assert code(api.put("/v1/users/jane", content=iter([*chunks, b"  "]))) == "payload_too_large"


def test_a_length_that_is_no_number_is_not_believed(api: CheckedClient) -> None:
    headers: Any = {"Content-Length": "\xb2".encode("latin-1")}
    assert api.put("/v1/users/jane", content=b"{}", headers=headers).status_code == 200


def test_many_long_numbers_cost_little() -> None:
    body = b'{"a": [' + b",".join([b"1" * 299] * 3000) + b"]}"
    began = time.thread_time()
    assert len(parse_json(body)["a"]) == 3000
    assert time.thread_time() - began < 1
