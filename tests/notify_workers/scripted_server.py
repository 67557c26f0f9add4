"""An SMTP server that follows a script, down to the byte and to the moment at which it hangs up."""

from __future__ import annotations

import socketserver
from collections import defaultdict, deque
from threading import Event, Thread

HANG_UP = ""
"""Instead of an answer: the connection is closed."""

AND_HANG_UP = "\0"
"""Behind an answer: the connection is closed after it."""

SILENCE = "\0\0"
"""Instead of an answer: none, until the server is stopped."""

THOUGHTFUL = "\1"
"""Before an answer: it takes 800 milliseconds."""

POLITE = {"CONNECT": "220 ready", "EHLO": "250 ready", "DATA": "354 go on", "END": "250 taken", "QUIT": "221 bye"}


class ScriptedServer:
    """`answers[stage]` are the next answers at a stage (`CONNECT EHLO MAIL RCPT DATA END RSET …`), then it is polite.

    `heard` is every line it was sent, `messages` are the bytes between DATA and END as they came, dots doubled.
    """

    def __init__(self) -> None:
        self.answers: defaultdict[str, deque[str]] = defaultdict(deque)
        self.heard: list[bytes] = []
        self.messages: list[bytes] = []
        self.connections = 0
        self.stopping = Event()
        self._server = _Server(("127.0.0.1", 0), _Conversation)
        self._server.script = self
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def will_say(self, stage: str, *answers: str) -> None:
        self.answers[stage].extend(answers)

    def verbs(self) -> list[str]:
        return [_verb(line) for line in self.heard]


def _verb(line: bytes) -> str:
    """Of somebody who speaks TLS to a server that does not, it is nonsense."""
    return b"".join(line.split()[:1]).decode(errors="replace")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 50
    script: ScriptedServer


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        script = self.script
        script.connections += 1
        open_ = self.say("CONNECT")
        while open_ and (line := self.rfile.readline()):
            script.heard.append(line)
            verb = _verb(line).upper()
            open_ = self.say(verb)
            if open_ and verb == "DATA" and self.said.startswith("354"):
                script.messages.append(self.message())
                open_ = self.say("END")

    @property
    def script(self) -> ScriptedServer:
        assert isinstance(self.server, _Server)
        return self.server.script

    def message(self) -> bytes:
        lines: list[bytes] = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        return b"".join(lines)

    def say(self, stage: str) -> bool:
        """Whether the connection stays open."""
        planned = self.script.answers[stage]
        self.said = planned.popleft() if planned else POLITE.get(stage, "250 ok")
        if self.said == SILENCE:
            self.script.stopping.wait()
        if self.said in (HANG_UP, SILENCE):
            return False
        if self.said.startswith(THOUGHTFUL):
            self.script.stopping.wait(0.8)
        self.wfile.write(self.said.removeprefix(THOUGHTFUL).removesuffix(AND_HANG_UP).encode() + b"\r\n")
        return not self.said.endswith(AND_HANG_UP) and stage != "QUIT"
