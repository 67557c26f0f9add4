"""The row that a visual block stands in: a table, since Outlook knows no padding elsewhere.

The classes are Knock's own, so that a layout's style sheet finds the blocks; what it wants to change it marks
`!important`. Source: https://docs.knock.app/integrations/email/layouts
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from workflows.email.markup import padding_style
from workflows.templates import Padding

PADDING = Padding(top=8, right=4, bottom=8, left=4)
"""What the visual editor starts every block with."""

TABLE = 'role="presentation" cellpadding="0" cellspacing="0" border="0" style="margin:0;border-collapse:separate"'
"""Attributes of a table that only arranges, whatever the layout says of tables."""

BASE_STYLES = (
    "<style>"
    ".block-row.block-row--markdown-v1 .block-markdown > :first-child { margin-top: 0; }\n"
    ".block-row.block-row--markdown-v1 .block-markdown > :last-child { margin-bottom: 0; }"
    "</style>"
)
"""What cannot be said beside a block itself."""


class RenderedBlock(NamedTuple):
    """`reading` is simpler HTML, from which the text part is made; `assigned` is what its Liquid set."""

    html: str
    reading: str
    assigned: Mapping[str, Any]


def row(kind: str, inner: str, padding: Padding | None, align: str = "") -> str:
    """`inner` is finished HTML, `kind` the block's type."""
    aligned = f' align="{align}"' if align else ""
    return (
        f'<table class="block-row block-row--{kind}-v1" width="100%" {TABLE}><tr>'
        f'<td class="block-row__cell"{aligned} style="{padding_style(padding or PADDING)}">\n{inner}\n</td></tr></table>'
    )
