"""In-app guides: an application asks for them, and what a user does with one makes the message. Nothing is ever sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from notify_workers.providers import Delivered, Envelope, Sends, provider
from workflows.content import GuideContent


@provider
@dataclass(frozen=True, slots=True)
class InAppGuide:
    name: ClassVar[str] = "in_app_guide"
    channel_type: ClassVar[str] = "in_app_guide"
    secrets: ClassVar[frozenset[str]] = frozenset()

    def send(self, _content: GuideContent, _envelope: Envelope, /) -> Sends:
        yield from ()
        return Delivered()
