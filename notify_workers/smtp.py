"""SMTP connections, kept and used again: opening one costs more than sending a message over it."""

from __future__ import annotations

import re
import smtplib
import socket
import time
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any

from notify_workers.providers import SmtpReply, SmtpSubmission
from notify_workers.settings import settings


class ResultLost(Exception):
    """The server had the whole message when the connection went: nobody knows whether it was accepted."""


@dataclass(slots=True)
class _Idle:
    connection: smtplib.SMTP
    since: float


_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)

Address = tuple[str, int, str, str | None]
_idle: defaultdict[Address, deque[_Idle]] = defaultdict(deque)
_lock = Lock()


def submit(submission: SmtpSubmission) -> SmtpReply:
    """One message over a kept or a new connection.

    A kept connection that turns out to be closed is replaced once: until the message's last line nothing can have been
    accepted. Raises `ResultLost` when the connection goes after that line. A server that cannot be reached is a reply of
    code 421 at stage CONNECT. All of it ends with the delivery's lease: the message is not begun when it may last longer.
    """
    lease_ends = time.monotonic() + settings().delivery_lease
    connection = _take(submission)
    if connection is not None:
        try:
            return _converse(connection, submission, lease_ends)
        except (smtplib.SMTPServerDisconnected, OSError):
            _close(connection)
    try:
        connection = _open(submission)
    except (smtplib.SMTPException, OSError) as error:
        return _refusal(error)
    try:
        return _converse(connection, submission, lease_ends)
    except (smtplib.SMTPServerDisconnected, OSError) as error:
        _close(connection)
        return SmtpReply(421, f"the connection was lost: {error}", "DATA", {})


def _refusal(error: Exception) -> SmtpReply:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return SmtpReply(error.smtp_code, _text(error.smtp_error), "AUTH", {})
    if isinstance(error, smtplib.SMTPResponseException):
        return SmtpReply(error.smtp_code, _text(error.smtp_error), "CONNECT", {})
    return SmtpReply(421, f"the server cannot be reached: {error}", "CONNECT", {})


def _address(submission: SmtpSubmission) -> Address:
    return (submission.host, submission.port, submission.security, submission.username)


def _take(submission: SmtpSubmission) -> smtplib.SMTP | None:
    """The connection used last, unless it has been idle too long: then all that are older have been too."""
    with _lock:
        kept = _idle[_address(submission)]
        newest = kept.pop() if kept else None
        if newest is None or time.monotonic() - newest.since <= settings().smtp_idle:
            return newest.connection if newest else None
        stale = [newest, *kept]
        kept.clear()
    for each in stale:
        _close(each.connection)
    return None


def _keep(submission: SmtpSubmission, connection: smtplib.SMTP) -> None:
    with _lock:
        _idle[_address(submission)].append(_Idle(connection, time.monotonic()))


def _open(submission: SmtpSubmission) -> smtplib.SMTP:
    make: Callable[..., smtplib.SMTP] = smtplib.SMTP_SSL if submission.security == "tls" else smtplib.SMTP
    connection = make(submission.host, submission.port, _our_name(), timeout=settings().smtp_timeout)
    try:
        if submission.security == "starttls":
            connection.starttls()
        if submission.username:
            connection.login(submission.username, submission.password or "")
        connection.ehlo_or_helo_if_needed()
    except BaseException:
        connection.close()
        raise
    return connection


@cache
def _our_name() -> str:
    """What we call ourselves. Asked once: where the name service is slow, it is slow for each connection."""
    return socket.getfqdn()


def _converse(connection: smtplib.SMTP, submission: SmtpSubmission, lease_ends: float) -> SmtpReply:
    reply = _dialogue(connection, submission, lease_ends)
    if reply.code == 421 or connection.sock is None:
        _close(connection)
    else:
        _keep(submission, connection)
    return reply


def _dialogue(connection: smtplib.SMTP, submission: SmtpSubmission, lease_ends: float) -> SmtpReply:
    """MAIL, RCPT for each address, DATA. Goes on when at least one address is taken."""
    code, text = connection.mail(submission.envelope_from, _options(connection, submission.message))
    if code != 250:
        return _reset(connection, SmtpReply(code, _text(text), "MAIL", {}))
    refused = {}
    for address in submission.envelope_to:
        code, text = connection.rcpt(address)
        if code not in (250, 251):
            refused[address] = (code, _text(text))
    if len(refused) == len(submission.envelope_to):
        worst = min(refused.values())
        return _reset(connection, SmtpReply(worst[0], worst[1], "RCPT", refused))
    if time.monotonic() > lease_ends - settings().smtp_timeout:
        return SmtpReply(421, "the server is too slow for the lease", "DATA", refused)
    code, text = connection.docmd("DATA")
    if code != 354:
        return _reset(connection, SmtpReply(code, _text(text), "DATA", refused))
    code, text = _transfer(connection, submission.message, lease_ends)
    return SmtpReply(code, _text(text), "END", refused)


def _transfer(connection: smtplib.SMTP, message: bytes, lease_ends: float) -> tuple[int, bytes]:
    """The message with its dots doubled (RFC 5321 §4.5.2), and the server's word on it.

    A server may think long about a message (§4.5.3.2.6: ten minutes); who asks again meanwhile sends it twice.
    """
    ending = b".\r\n" if message.endswith(b"\r\n") else b"\r\n.\r\n"
    try:
        connection.send(_LEADING_DOT.sub(b"..", message) + ending)
        _wait(connection, 0.9 * (lease_ends - time.monotonic()))
        reply = connection.getreply()
        _wait(connection, settings().smtp_timeout)
        return reply
    except (smtplib.SMTPServerDisconnected, OSError) as error:
        _close(connection)
        raise ResultLost(f"the connection was lost after the message: {error}") from error


def _wait(connection: smtplib.SMTP, seconds: float) -> None:
    """How long the next answers may take."""
    if connection.sock is not None:
        connection.sock.settimeout(max(0.1, seconds))


def _options(connection: smtplib.SMTP, message: bytes) -> list[str]:
    return [f"size={len(message)}"] if connection.has_extn("size") else []


def _reset(connection: smtplib.SMTP, reply: SmtpReply) -> SmtpReply:
    """Makes ready for the next message. A server that hangs up instead has said what it said."""
    with suppress(OSError):
        if reply.code != 421:
            connection.rset()
    return reply


def _close(connection: smtplib.SMTP) -> None:
    """Without QUIT: whoever closes here has no reason to wait for an answer."""
    connection.close()


def _text(said: Any) -> str:
    """What a server said, as the database takes it."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return text.replace("\0", "")
