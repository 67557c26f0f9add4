"""Rendered content with its address: what a provider is given to send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Email:
    """Addresses are header values (`Jane Doe <jane@example.com>`), possibly several separated by commas.

    `sender` is empty when the step does not override the channel's own.
    """

    to: str
    subject: str
    html: str
    text: str
    sender: str = ""
    cc: str = ""
    bcc: str = ""
    reply_to: str = ""

    def as_json(self) -> dict[str, str]:
        return {
            "to": self.to,
            "subject": self.subject,
            "html": self.html,
            "text": self.text,
            "sender": self.sender,
            "cc": self.cc,
            "bcc": self.bcc,
            "reply_to": self.reply_to,
        }

    @classmethod
    def from_json(cls, stored: dict[str, str]) -> Self:
        return cls(**stored)


Content = Email
