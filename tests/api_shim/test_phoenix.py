"""Frames of Phoenix channels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_shim.phoenix import Frame, MalformedFrame, decode, encode, reply

references = st.none() | st.text(max_size=5)
payloads = st.dictionaries(
    st.text(max_size=5), st.integers(-(2**53), 2**53) | st.text(max_size=5) | st.none(), max_size=3
)


@given(references, references, st.text(max_size=20), st.text(max_size=20), payloads)
def test_a_frame_is_read_as_it_was_written(
    join_ref: str | None, ref: str | None, topic: str, event: str, payload: dict[str, object]
) -> None:
    frame = Frame(join_ref, ref, topic, event, payload)
    assert decode(encode(frame)) == frame


def test_frames_are_written_as_the_client_reads_them() -> None:
    assert encode(Frame("7", None, "feeds:c:jane", "new-message", {"a": 1})) == (
        '["7",null,"feeds:c:jane","new-message",{"a":1}]'
    )


def test_a_reply_carries_the_references_of_what_it_answers() -> None:
    answered = reply(decode('["1","2","t","phx_join",{}]'), "ok")
    assert encode(answered) == '["1","2","t","phx_reply",{"status":"ok","response":{}}]'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "{}",
        "[]",
        '["1","1","t","e"]',
        '["1","1","t","e",{},1]',
        '[1,"1","t","e",{}]',
        '["1","1",7,"e",{}]',
        '["1","1","t",null,{}]',
        '["1","1","t","e",[]]',
        '["1","1","t","e",null]',
        '["1","1","\\ud83d","e",{}]',
        "[" * 100_000,
        '{"topic":"t"',
    ],
)
def test_what_is_no_frame_is_refused(text: str) -> None:
    with pytest.raises(MalformedFrame):
        decode(text)


@given(st.text())
def test_any_text_is_a_frame_or_refused(text: str) -> None:
    with pytest.raises(MalformedFrame):
        decode(text)
