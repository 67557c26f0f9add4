"""The in-app feed: the message itself is the feed's item, so that it is delivered as soon as it exists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from notify_workers.providers import Delivered, Envelope, Sends, provider
from workflows.content import FeedItem


@provider
@dataclass(frozen=True, slots=True)
class InAppFeed:
    name: ClassVar[str] = "in_app"
    channel_type: ClassVar[str] = "in_app_feed"
    secrets: ClassVar[frozenset[str]] = frozenset()

    def send(self, _content: FeedItem, _envelope: Envelope, /) -> Sends:
        yield from ()
        return Delivered()
