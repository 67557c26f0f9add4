"""Vendors that take their time: HTTP and SMTP servers that answer a message after some milliseconds (`/slow`: a second), and count.

`python -m benchmarks.slow_vendor <http port> <smtp port> <seconds>`; `GET /stats` says how many came, and how many at once.
"""

from __future__ import annotations

import asyncio
import json
import sys

import uvloop

A_SECOND = 1.0

WAITING = {"now": 0, "most": 0, "taken": 0}


async def take(seconds: float) -> None:
    WAITING["now"] += 1
    WAITING["most"] = max(WAITING["most"], WAITING["now"])
    await asyncio.sleep(seconds)
    WAITING["now"] -= 1
    WAITING["taken"] += 1


async def http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    while head := await _head(reader):
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        await reader.readexactly(length)
        if head.startswith(b"GET /stats"):
            body = json.dumps(WAITING).encode()
            WAITING.update(most=0, taken=0)
        else:
            await take(A_SECOND if b" /slow " in head else seconds)
            body = b"{}"
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
    writer.close()


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


async def smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    writer.write(b"220 slow\r\n")
    while line := await reader.readline():
        word = line[:4].upper()
        if word == b"DATA":
            writer.write(b"354 go on\r\n")
            await reader.readuntil(b"\r\n.\r\n")
            await take(seconds)
        writer.write(b"250 ok\r\n")
    writer.close()


async def main(http_port: int, smtp_port: int, seconds: float) -> None:
    loop_forever = [
        (await asyncio.start_server(lambda r, w: http(r, w, seconds), "127.0.0.1", http_port, backlog=1024)),
        (
            await asyncio.start_server(
                lambda r, w: smtp(r, w, seconds), "127.0.0.1", smtp_port, backlog=1024, limit=2**20
            )
        ),
    ]
    await asyncio.gather(*(server.serve_forever() for server in loop_forever))


uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
