"""Values of e-mail headers: always one line, whatever was rendered into them."""

from __future__ import annotations

import re
from email.utils import getaddresses

_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_SPECIALS = re.compile(r'[()<>@,:;".\[\]\\]')
_ESCAPED = re.compile(r'(["\\])')


def header_value(rendered: str) -> str:
    """Line breaks and control characters become a space: nobody adds a header by writing one into a variable."""
    return _BREAKS.sub(" ", rendered).strip()


def mailbox(name: str, address: str) -> str:
    """`Jane Doe <jane@example.com>`, the name quoted where it needs it; the bare address without a name."""
    if not name or not address:
        return address
    quoted = '"' + _ESCAPED.sub(r"\\\1", name) + '"' if _SPECIALS.search(name) else name
    return f"{quoted} <{address}>"


def is_one_address(value: str) -> bool:
    """False for a list: a recipient's own address must not reach further people."""
    return len(getaddresses([value])) == 1
