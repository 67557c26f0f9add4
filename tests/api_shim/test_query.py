"""Query strings, in every way that clients write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_shim.query import parse_query

FORMS: dict[str, dict[str, Any]] = {
    "": {},
    "page_size=3&after=abc": {"page_size": "3", "after": "abc"},
    "status[]=sent&status[]=delivered": {"status": ["sent", "delivered"]},
    "status%5B%5D=sent": {"status": ["sent"]},
    "recipient[id]=o&recipient[collection]=c": {"recipient": {"id": "o", "collection": "c"}},
    "query_options[$top]=3": {"query_options": {"$top": "3"}},
    "inserted_at[gte]=a&inserted_at[lt]=b": {"inserted_at": {"gte": "a", "lt": "b"}},
    "inserted_at.gte=a&inserted_at.lt=b": {"inserted_at": {"gte": "a", "lt": "b"}},
    "inserted_at.gte=a&inserted_at[lt]=b": {"inserted_at": {"gte": "a", "lt": "b"}},
    "objects[]=x&objects[][id]=o&objects[][collection]=c": {"objects": ["x", {"id": "o", "collection": "c"}]},
    "objects[][id]=a&objects[][id]=b": {"objects": [{"id": "a"}, {"id": "b"}]},
    "objects[][id]=a&objects[]=x&objects[][collection]=c": {"objects": [{"id": "a"}, "x", {"collection": "c"}]},
    "objects[0][id]=a&objects[0][collection]=c&objects[1][id]=b": {
        "objects": [{"id": "a", "collection": "c"}, {"id": "b"}]
    },
    'trigger_data={"a":1}': {"trigger_data": '{"a":1}'},
    "trigger_data[a]=1": {"trigger_data": {"a": "1"}},
    "tenant=a%20b%26c&name=Zo%C3%AB+K": {"tenant": "a b&c", "name": "Zoë K"},
}

ODD: dict[str, dict[str, Any]] = {
    "tenant=a&tenant=b": {"tenant": "b"},
    "tenant": {"tenant": ""},
    "tenant=": {"tenant": ""},
    "&&tenant=a&": {"tenant": "a"},
    "=a": {"": "a"},
    "status[=a": {"status[": "a"},
    "status]=a": {"status]": "a"},
    "[]=a": {"[]": "a"},
    "status[a]b=c": {"status[a]b": "c"},
    "status=a&status[]=b": {"status": ["b"]},
    "status[]=a&status[x]=b": {"status": {"x": "b"}},
    "status[x]=a&status=b": {"status": "b"},
    "a=%ff&b=%zz": {"a": "\ufffd", "b": "%zz"},
    "a;b=c": {"a;b": "c"},
}


@pytest.mark.parametrize("written", FORMS)
def test_each_form_that_clients_send_is_understood(written: str) -> None:
    assert parse_query(written) == FORMS[written]


@pytest.mark.parametrize("written", ODD)
def test_what_makes_no_sense_is_read_somehow(written: str) -> None:
    assert parse_query(written) == ODD[written]


@pytest.mark.parametrize("name", ["a" + "[b]" * 20_000, "a" + ".b" * 20_000, "a" + "[]" * 20_000])
def test_a_name_that_goes_on_and_on_is_taken_literally(name: str) -> None:
    assert parse_query(f"{name}=1&tenant=t") == {name: "1", "tenant": "t"}


@given(st.lists(st.sampled_from(["a", "b", "[", "]", "[]", "[a]", "[0]", ".", "=", "&", "%5B", "%", "+", "1"])))
def test_no_query_string_is_too_odd(parts: list[str]) -> None:
    assert isinstance(parse_query("".join(parts)), dict)
