"""SMTP connections, kept and used again: opening one costs more than sending a message over it."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from threading import Lock
from typing import Any

from notify_workers.providers import SmtpReply, SmtpSubmission
from notify_workers.settings import settings


class ResultLost(Exception):
    """The server had the whole message when the connection went: nobody knows whether it was accepted."""


class _Broken(Exception):
    """The conversation ended at a stage before the message was handed over: nothing can have been accepted."""

    def __init__(self, stage: str, error: Exception) -> None:
        super().__init__(stage, error)
        self.stage = stage
        self.error = error


@contextmanager
def _at(stage: str) -> Iterator[None]:
    try:
        yield
    except (smtplib.SMTPException, OSError) as error:
        raise _Broken(stage, error) from error


@dataclass(slots=True)
class _Idle:
    connection: smtplib.SMTP
    since: float


_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)

Address = tuple[str, int, str, str | None, bool, str | None]
_idle: defaultdict[Address, deque[_Idle]] = defaultdict(deque)
_lock = Lock()


def submit(submission: SmtpSubmission) -> SmtpReply:
    """One message over a kept or a new connection.

    A kept connection that turns out to be closed is replaced once: until the message's last line nothing can have been
    accepted. Raises `ResultLost` when the connection goes after that line. A server that cannot be reached, or that hangs
    up earlier, is a reply of code 421 at the stage where that was. All of it ends with the delivery's lease: the message is
    not begun when it may last longer.
    """
    lease_ends = time.monotonic() + settings().delivery_lease
    connection = _take(submission)
    if connection is not None:
        try:
            return _converse(connection, submission, lease_ends)
        except _Broken:
            _close(connection)
    try:
        connection = _open(submission)
    except _Broken as broken:
        return _refusal(broken)
    try:
        return _converse(connection, submission, lease_ends)
    except _Broken as broken:
        _close(connection)
        return SmtpReply(421, f"the connection was lost: {broken.error}", broken.stage, {})


def _refusal(broken: _Broken) -> SmtpReply:
    error = broken.error
    if isinstance(error, smtplib.SMTPResponseException):
        return SmtpReply(error.smtp_code, _text(error.smtp_error), broken.stage, {})
    if isinstance(error, ssl.SSLCertVerificationError):
        return SmtpReply(421, f"the server's certificate is not trusted: {error.verify_message}", broken.stage, {})
    return SmtpReply(421, f"the server cannot be reached: {error}", broken.stage, {})


def _address(submission: SmtpSubmission) -> Address:
    return (
        submission.host,
        submission.port,
        submission.security,
        submission.username,
        submission.tls_verify,
        submission.tls_ca,
    )


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
    with _at("CONNECT"):
        connection = _connected(submission)
    try:
        with _at("EHLO"):
            connection.ehlo_or_helo_if_needed()
        if submission.security == "starttls":
            with _at("STARTTLS"):
                connection.starttls(context=_context(submission))
                connection.ehlo_or_helo_if_needed()
        if submission.username:
            with _at("AUTH"):
                connection.login(submission.username, submission.password or "")
    except BaseException:
        connection.close()
        raise
    return connection


def _connected(submission: SmtpSubmission) -> smtplib.SMTP:
    host, port, timeout = submission.host, submission.port, settings().smtp_timeout
    if submission.security == "tls":
        return smtplib.SMTP_SSL(host, port, _our_name(), timeout=timeout, context=_context(submission))
    return smtplib.SMTP(host, port, _our_name(), timeout=timeout)


def _context(submission: SmtpSubmission) -> ssl.SSLContext:
    return _tls(submission.tls_verify, submission.tls_ca)


@lru_cache(maxsize=64)
def _tls(verify: bool, ca: str | None) -> ssl.SSLContext:
    """smtplib's own contexts accept any certificate of any host."""
    context = ssl.create_default_context(cadata=ca)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


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
    with _at("MAIL"):
        code, text = connection.mail(submission.envelope_from, _options(connection, submission.message))
    if code != 250:
        return _reset(connection, SmtpReply(code, _text(text), "MAIL", {}))
    refused = {}
    for address in submission.envelope_to:
        with _at("RCPT"):
            code, text = connection.rcpt(address)
        if code not in (250, 251):
            refused[address] = (code, _text(text))
    if len(refused) == len(submission.envelope_to):
        worst = min(refused.values())
        return _reset(connection, SmtpReply(worst[0], worst[1], "RCPT", refused))
    if time.monotonic() > lease_ends - settings().smtp_timeout:
        return SmtpReply(421, "the server is too slow for the lease", "DATA", refused)
    with _at("DATA"):
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
