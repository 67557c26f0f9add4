"""`python -m benchmarks.load`: requests over kept connections, as fast as they are answered; prints one JSON line."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from urllib.parse import urlsplit

import uvloop


class Client(asyncio.Protocol):
    """One connection: sends the request again whenever it was answered."""

    def __init__(self, request: bytes, seen: Counter[str], latencies: list[float]) -> None:
        self._request, self._seen, self._latencies = request, seen, latencies
        self._rest = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._rest += data
        head, separator, body = self._rest.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        if len(body) < length:
            return
        self._rest = b""
        self._seen[head[9:12].decode()] += 1
        self._latencies.append(time.perf_counter() - self._sent)
        self._send()


async def main(url: str, seconds: float, connections: int, method: str, body: bytes, headers: str) -> None:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    request = (
        f"{method} {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    seen: Counter[str] = Counter()
    latencies: list[float] = []
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: Client(request, seen, latencies), parts.hostname, parts.port)
    await asyncio.sleep(seconds * 0.2)
    seen.clear()
    latencies.clear()
    started = time.perf_counter()
    await asyncio.sleep(seconds)
    elapsed = time.perf_counter() - started
    ordered = sorted(latencies)
    print(
        json.dumps(
            {
                "per_second": sum(seen.values()) / elapsed,
                "statuses": seen,
                "p50_ms": ordered[len(ordered) // 2] * 1000,
                "p99_ms": ordered[int(len(ordered) * 0.99)] * 1000,
            }
        )
    )


url, seconds, connections, method, body, headers = sys.argv[1:]
uvloop.run(main(url, float(seconds), int(connections), method, body.encode(), headers.replace("\\n", "\r\n")))
