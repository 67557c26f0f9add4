"""Pages of lists (contract: api-endpoints §1.8): `after`, `before`, `page_size`, keyed by what orders the list."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, Field

from api_shim.errors import problem
from notify_workers.errors import InvalidParams

Row = TypeVar("Row")

MOST = 50

OURS = "page:"
"""What every cursor that we gave out begins with, so that others are told from it."""


class PageQuery(BaseModel):
    """Which page. Both cursors are opaque, an empty one is none; `before` wins when both are given."""

    after: str | None = None
    before: str | None = None
    page_size: int = Field(default=MOST, ge=1, le=MOST)

    @property
    def after_key(self) -> str | None:
        return _decode("after", self.after) if self.after and not self.before else None

    @property
    def before_key(self) -> str | None:
        return _decode("before", self.before) if self.before else None

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
    if query.before:
        kept = rows[1:] if more else rows
        has_after, has_before = bool(kept), more
    else:
        kept = rows[: query.page_size]
        has_after, has_before = more, bool(query.after and kept)
    return Page(
        rows=kept,
        after=encode(key(kept[-1])) if has_after else None,
        before=encode(key(kept[0])) if has_before else None,
        size=query.page_size,
    )


def page_of(query: PageQuery, rows: Sequence[Row], key: Callable[[Row], str]) -> Page:
    """The same out of a whole list, short enough to be in hand, whose keys ascend."""
    after, before = query.after_key, query.before_key
    if before is not None:
        return page(query, [row for row in rows if key(row) < before][-query.limit :], key)
    return page(query, [row for row in rows if after is None or key(row) > after][: query.limit], key)


def encode(key: str) -> str:
    """The cursor of a row."""
    return urlsafe_b64encode(f"{OURS}{key}".encode()).decode().rstrip("=")


def _decode(field: str, cursor: str) -> str:
    try:
        decoded = b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        decoded = ""
    if not decoded.startswith(OURS) or "\0" in decoded:
        raise foreign(field)
    return decoded.removeprefix(OURS)


def foreign(field: str) -> InvalidParams:
    """A cursor that some other list gave out, or nobody."""
    return problem(field, "is not a cursor that this list gave out")
