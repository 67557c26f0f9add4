"""How many segments an SMS is billed and sent as: 3GPP TS 23.038 (alphabets) and TS 23.040 §9.2.3.24.1 (concatenation)."""

from __future__ import annotations

from collections.abc import Iterable

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The default alphabet (TS 23.038 §6.2.1): one septet each. The one that is missing is the escape to the next table."""

EXTENSION = frozenset("\f^{}\\[~]|€")
"""Its extension (§6.2.1.1): the escape and one more septet each."""

GSM_ALONE, GSM_JOINED = 160, 153
UCS2_ALONE, UCS2_JOINED = 70, 67
"""Septets and 16-bit units of a message in one segment, and of each of several, whose header takes the rest."""


def is_gsm(text: str) -> bool:
    """Whether all of it is in the default alphabet; one other character makes the whole message UCS-2."""
    return all(character in BASIC or character in EXTENSION for character in text)


def segments(text: str) -> int:
    """At least one: an empty message is one, too."""
    if is_gsm(text):
        return _parts([2 if character in EXTENSION else 1 for character in text], GSM_ALONE, GSM_JOINED)
    return _parts([2 if ord(character) > 0xFFFF else 1 for character in text], UCS2_ALONE, UCS2_JOINED)


def _parts(sizes: Iterable[int], alone: int, joined: int) -> int:
    """Neither an escape and its character nor the halves of a surrogate pair are ever in two segments."""
    sizes = tuple(sizes)
    if sum(sizes) <= alone:
        return 1
    parts, left = 0, 0
    for size in sizes:
        if size > left:
            parts, left = parts + 1, joined
        left -= size
    return parts
