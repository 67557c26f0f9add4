"""The opponent: Celery with stock settings doing the same work by hand, without any of the promises.

Two tasks a run. Each renders the library's e-mail, sends it over SMTP (connection kept, as ours is) and writes one row.
`python -m benchmarks.bare_celery` prepares its table; `celery -A benchmarks.bare_celery worker` works.
"""

from __future__ import annotations

import os
import smtplib
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import cache

import psycopg
from celery import Celery

from notify_workers.installation import LIBRARY
from workflows.content import Email
from workflows.files import read_library
from workflows.model import ChannelStep
from workflows.parse import parse_layout, parse_workflow
from workflows.program import Program
from workflows.scope import ChannelView, Scope, StepContext
from workflows.templates import Resources

BROKER = os.environ.get("BARE_BROKER", "")
DATABASE = os.environ.get("BARE_DATABASE", "")
SINK_PORT = int(os.environ.get("BARE_SINK_PORT", "0"))

app = Celery("bare", broker=BROKER)
app.conf.task_default_queue = "bare"

CHANNEL = ChannelView("mail", "email", "email", "smtp")

TABLE = """
    create table if not exists bare (
        id bigserial primary key, run text, step text, recipient text, subject text, at timestamptz default now())
"""


@cache
def invite() -> Program:
    library = read_library(LIBRARY)
    layouts = {key: parse_layout(key, document) for key, document in library.layouts.items()}
    workflow = parse_workflow("account-invite", library.workflows["account-invite"])
    return Program(workflow, Resources(layouts=layouts))


def rendered(step_ref: str, recipient: str, data: dict[str, str]) -> Email:
    program, scope = invite(), Scope(data=data, recipient={"id": recipient, "email": recipient, "name": "Jane Doe"})
    step = program.workflow.step(step_ref)
    assert isinstance(step, ChannelStep)
    context = StepContext(scope, datetime.now(UTC), {CHANNEL.key: CHANNEL}, program)
    content = program.content(step).render(context, CHANNEL, recipient)
    assert isinstance(content, Email)
    return content


@cache
def database() -> psycopg.Connection:
    return psycopg.connect(DATABASE, autocommit=True)


@cache
def smtp() -> smtplib.SMTP:
    return smtplib.SMTP("127.0.0.1", SINK_PORT)


def send(run: str, step: str, recipient: str, data: dict[str, str]) -> None:
    email = rendered(step, recipient, data)
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Doorbell <hello@doorbell.test>", email.to, email.subject
    message.set_content(email.text)
    message.add_alternative(email.html, subtype="html")
    smtp().send_message(message)
    database().execute(
        "insert into bare (run, step, recipient, subject) values (%s, %s, %s, %s)",
        (run, step, recipient, email.subject),
    )


@app.task(name="bare.first")
def first(run: str, recipient: str, data: dict[str, str]) -> None:
    send(run, "email_1", recipient, data)
    second.delay(run, recipient, data)


@app.task(name="bare.second")
def second(run: str, recipient: str, data: dict[str, str]) -> None:
    send(run, "email_2", recipient, data)


if __name__ == "__main__":
    database().execute(TABLE)
