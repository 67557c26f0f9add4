"""Pages of lists (contract: api-endpoints §1.8): `after`, `before`, `page_size`, keyed by what the list is ordered by."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, Field

from api_shim.errors import problem

Row = TypeVar("Row")

MOST = 50


class PageQuery(BaseModel):
    """Which page. Both cursors are opaque; `before` wins when both are given."""

    after: str | None = None
    before: str | None = None
    page_size: int = Field(default=MOST, ge=1, le=MOST)

    @property
    def after_key(self) -> str | None:
        return None if self.after is None or self.before is not None else _decode("after", self.after)

    @property
    def before_key(self) -> str | None:
        return None if self.before is None else _decode("before", self.before)

    @property
    def limit(self) -> int:
        """One row more than the page has, to know whether there is another page."""
        return self.page_size + 1


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of one page, in the list's order, and the cursors to its neighbours."""

    rows: Sequence[Any]
    after: str | None
    before: str | None
    size: int

    def info(self) -> dict[str, Any]:
        return {"__typename": "PageInfo", "after": self.after, "before": self.before, "page_size": self.size}


def page(query: PageQuery, rows: Sequence[Row], key: Callable[[Row], str]) -> Page:
    """Cuts the page out of `query.limit` rows, which stand in the list's order."""
    more = len(rows) > query.page_size
    if query.before is not None:
        kept = rows[1:] if more else rows
        has_after, has_before = bool(kept), more
    else:
        kept = rows[: query.page_size]
        has_after, has_before = more, query.after is not None and bool(kept)
    return Page(
        rows=kept,
        after=_encode(key(kept[-1])) if has_after else None,
        before=_encode(key(kept[0])) if has_before else None,
        size=query.page_size,
    )


def _encode(key: str) -> str:
    return urlsafe_b64encode(key.encode()).decode().rstrip("=")


def _decode(field: str, cursor: str) -> str:
    try:
        return urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (Base64Error, UnicodeDecodeError, ValueError):
        raise problem(field, "is not a cursor that this list gave out") from None
