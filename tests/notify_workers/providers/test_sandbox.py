from __future__ import annotations

from typing import Any

import pytest

from notify_workers.providers import Delivered, Envelope, OutboxEntry, Sent, load_provider
from workflows.content import Call, Chat, Push, Sms

ENVELOPE = Envelope("m1", "m1")
CASES = [
    ("sandbox_sms", Sms("+1555", "Hi", {"a": 1}), Sent("m1")),
    ("sandbox_push", Push("token", "Hi", "there", True), Sent("m1")),
    ("sandbox_chat", Chat({"channel_id": "C1"}, "Hi"), Sent("m1")),
    ("sandbox_webhook", Call("POST", "https://x.test", {"a": "b"}, (("q", "1"),), "{}"), Delivered("m1")),
]


@pytest.mark.parametrize(("name", "content", "outcome"), CASES, ids=[name for name, _, _ in CASES])
def test_a_sandbox_keeps_what_it_was_given(name: str, content: Any, outcome: object) -> None:
    provider = load_provider(name, {})
    sending = provider.send(content, ENVELOPE)
    kept = next(sending)
    assert isinstance(kept, OutboxEntry)
    assert kept.channel_type == provider.channel_type == content.kind
    expected = {**content.as_json(), "kind": provider.channel_type}
    assert {**kept.payload, "kind": kept.channel_type} == {**expected, "idempotency_key": "m1"}
    with pytest.raises(StopIteration) as end:
        sending.send(None)
    assert end.value.value == outcome
