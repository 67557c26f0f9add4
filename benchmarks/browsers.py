"""`python -m benchmarks.browsers <port> <user> <kind> <items>`: one page that shows a feed.

`plain`: as Knock's client does it, a fetch of what is newer than its first item at each push, unless it is fetching already.
`changes`: the items come with the push. Ends when it knows so many items, or when nothing new has come for long. Prints
`ready`, then one JSON line.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import uvloop

from benchmarks.feed_items import FEED
from benchmarks.listeners import KEY, PLAIN, Link, Listeners

PATIENCE = 20.0
"""Seconds without anything new after which a page is not waited for any more."""


@dataclass(repr=False)
class Page(Listeners):
    known: dict[str, str] = field(default_factory=dict)
    head: str = ""
    at: float = 0.0
    frames: int = 0
    length: int = 0
    fetches: int = 0
    grown: asyncio.Event = field(default_factory=asyncio.Event)
    fetching: asyncio.Task[None] | None = None

    def hear(self, link: Link, body: bytes) -> None:
        _, _, _, event, payload = json.loads(body)
        if event not in ("new-message", "feed-changed"):
            return
        self.frames += 1
        self.length += len(body)
        if self.kind != PLAIN:
            self.know([each["item"] for each in payload["changes"]])
        elif self.fetching is None or self.fetching.done():
            self.fetching = asyncio.create_task(self.fetch(link.user))

    def know(self, items: list[dict[str, Any]]) -> None:
        self.known.update((each["id"], each["__cursor"]) for each in items)
        self.at = time.time()
        self.grown.set()

    async def fetch(self, user: str) -> None:
        self.fetches += 1
        before = f"&before={quote(self.head)}" if self.head else ""
        path = f"/v1/users/{user}/feeds/{self.feed}?archived=exclude&mode=compact{before}"
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer {KEY}\r\n\r\n"
        writer.write(head.encode())
        _, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        entries = json.loads(body)["entries"]
        if entries:
            self.head = entries[0]["__cursor"]
            self.know(entries)


async def main(port: int, user: str, kind: str, items: int) -> None:
    page = Page(port, str(FEED), [user], kind)
    await page.connect()
    if kind == PLAIN:
        await page.fetch(user)
    beating = asyncio.create_task(page.beat())
    print("ready", flush=True)
    with contextlib.suppress(TimeoutError):
        while len(page.known) < items:
            page.grown.clear()
            await asyncio.wait_for(page.grown.wait(), PATIENCE)
    beating.cancel()
    told = {
        "at": page.at,
        "known": len(page.known),
        "frames": page.frames,
        "fetches": page.fetches,
        "bytes": page.length,
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    given_port, given_user, given_kind, given_items = sys.argv[1:]
    uvloop.run(main(int(given_port), given_user, given_kind, int(given_items)))
