"""What other machines answer in a simulation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from workflows.effects import AskModel, HttpCall, HttpReply, ModelReply
from workflows.simulate.replies import Replies, Response

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CALL = HttpCall("GET", "https://a.test/x")


def test_each_response_is_used_once_in_order_unless_it_repeats() -> None:
    replies = Replies(
        [
            Response(at=NOW, url="https://a.test/*", text="1"),
            Response(at=NOW, url="https://a.test/x", text="2", repeats=True),
        ]
    )
    assert [replies.answer(CALL, NOW) for _ in range(3)] == [
        HttpReply(200, "1"),
        HttpReply(200, "2"),
        HttpReply(200, "2"),
    ]


def test_a_response_is_there_from_its_time_on_and_for_its_method() -> None:
    replies = Replies([Response(at=NOW + timedelta(hours=1), url="*"), Response(at=NOW, url="*", method="POST")])
    assert replies.answer(CALL, NOW) == HttpReply(0, error="no response is given for GET https://a.test/x")
    assert replies.answer(CALL, NOW + timedelta(hours=1)) == HttpReply(200)


def test_a_time_out_may_be_asked_again() -> None:
    replies = Replies([Response(at=NOW, url="*", error="too slow", times_out=True)])
    assert replies.answer(CALL, NOW) == HttpReply(0, error="too slow", is_timeout=True)


def test_models_answer_by_name() -> None:
    replies = Replies([Response(at=NOW, model="openai:*", text="Hello")])
    assert replies.answer(AskModel("openai:gpt", "Say hello"), NOW) == ModelReply("Hello")
    assert replies.answer(AskModel("openai:gpt", "Again"), NOW) == ModelReply(
        error="no response is given for the model openai:gpt", is_final=True
    )
