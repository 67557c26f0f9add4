"""An SMTP server that takes everything at once and keeps a count: the same opponent for everybody, as cheap as can be."""

from __future__ import annotations

import asyncio
import sys

import uvloop

ANSWERS = {
    b"EHLO": b"250-sink\r\n250 8BITMIME\r\n",
    b"HELO": b"250 sink\r\n",
    b"MAIL": b"250 ok\r\n",
    b"RCPT": b"250 ok\r\n",
    b"RSET": b"250 ok\r\n",
    b"NOOP": b"250 ok\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 bye\r\n",
}


class Sink(asyncio.Protocol):
    def __init__(self) -> None:
        self._rest = b""
        self._in_message = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while self._step():
            pass

    def _step(self) -> bool:
        end = b"\r\n.\r\n" if self._in_message else b"\r\n"
        taken, found, rest = self._rest.partition(end)
        if not found:
            return False
        self._rest = rest
        answer = b"250 kept\r\n" if self._in_message else ANSWERS.get(taken[:4].upper(), b"250 ok\r\n")
        self._in_message = not self._in_message and taken[:4].upper() == b"DATA"
        self._transport.write(answer)
        return True


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


uvloop.run(main(int(sys.argv[1])))
