from __future__ import annotations

import pytest

from notify_workers.providers import Delivered, Envelope, load_provider
from workflows.content import FeedItem


def test_a_feed_item_is_delivered_at_once() -> None:
    with pytest.raises(StopIteration) as end:
        next(load_provider("in_app", {}).send(FeedItem(()), Envelope("m1", "m1")))
    assert end.value.value == Delivered()
