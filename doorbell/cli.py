"""The command line: `doorbell …`. Each command imports what it needs, so that `--help` and small commands are quick."""

from __future__ import annotations

import json
import re
import secrets
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener
from uuid import UUID

import click

from doorbell import running
from doorbell.api_log_command import api_log
from doorbell.channels_command import channels
from doorbell.child_server import EmbeddedServerError
from doorbell.documents import read_document
from doorbell.environment_option import ENVIRONMENT, environment_of
from doorbell.environments_command import environments
from doorbell.guides_command import guides
from doorbell.signing_command import signing
from doorbell.sources_command import sources
from doorbell.webhooks_command import webhooks
from notify_workers.errors import DoorbellError
from notify_workers.settings import settings
from workflows.errors import WorkflowError


class Group(click.Group):
    """Shows our own errors as one clear sentence."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except (DoorbellError, EmbeddedServerError, WorkflowError) as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="doorbell")
@click.pass_context
def main(context: click.Context) -> None:
    """Doorbell: a self-hosted notification engine."""
    if context.invoked_subcommand != "dev":
        running.attach()


@main.command()
@click.option("--flower", is_flag=True, help="Also start Flower.")
@click.option("--flower-port", default=5555, show_default=True, help="Where Flower shows itself.")
def dev(flower: bool, flower_port: int) -> None:
    """Set up and run everything: PostgreSQL, Redis, API, workers, timers, mail sink."""
    from doorbell import forking

    forking.warm_up()
    from doorbell import dev as development

    development.run(settings(), flower_port=flower_port if flower else None)


@main.command()
def serve() -> None:
    """Serve the API."""
    from doorbell import processes

    processes.serve()


@main.command()
@click.option("--queues", "-Q", default="accept,steps,deliveries", show_default=True, help="Queues to take tasks from.")
@click.option(
    "--threads", "-c", type=int, default=None, help="Tasks in hand at once. [default: DOORBELL_WORKER_THREADS]"
)
@click.option("--events", "-E", is_flag=True, help="Send task events from the start, for Flower.")
@click.option("--name", "-n", default="worker-%p@%h", show_default=True, help="The worker's name in Flower.")
def worker(queues: str, threads: int | None, events: bool, name: str) -> None:
    """Run a Celery worker."""
    from doorbell import processes

    processes.work(queues, threads, name, events)


@main.command()
def timers() -> None:
    """Run a timer process. Any number of them may run."""
    from doorbell import processes

    processes.ring_in_time()


@main.command()
@click.option("--port", default=5555, show_default=True)
@click.option("--address", default="127.0.0.1", show_default=True)
def flower(port: int, address: str) -> None:
    """Watch the tasks in Flower."""
    from doorbell import processes

    processes.watch(address, port)


@main.command()
def migrate() -> None:
    """Bring the database's schema to the newest version."""
    from notify_workers import installation

    installation.install()
    click.echo("The database is up to date.")


@main.command()
def health() -> None:
    """Exit with 0 when PostgreSQL and Redis answer, for health checks."""
    from api_shim.routes.health import ready

    answer = ready()
    click.echo(bytes(answer.body).decode())
    sys.exit(0 if answer.status_code == 200 else 1)


@main.group()
def keys() -> None:
    """Make, list and revoke API keys."""


@keys.command(name="create")
@ENVIRONMENT
@click.option("--kind", type=click.Choice(["secret", "public"]), default="secret", show_default=True)
@click.option("--name", default="made on the command line", help="What the key is for.")
def create_key(environment: str, kind: str, name: str) -> None:
    """Make a key and print it. It is shown only now."""
    from notify_workers import resources
    from notify_workers.store import environments

    prefix = {"secret": "sk", "public": "pk"}[kind] + ("_test_" if environment == "development" else "_")
    key = prefix + secrets.token_urlsafe(32)
    with resources.configuration() as tx:
        environments.add_key(tx, key, kind=kind, environment=environment_of(environment), name=name)
    click.echo(key)


@keys.command(name="list")
def list_keys() -> None:
    """List the keys that are not revoked."""
    from notify_workers.store import environments
    from notify_workers.store.session import transaction

    with transaction() as tx:
        slugs = {each.id: each.slug for each in environments.environments(tx)}
        for key in environments.api_keys(tx):
            slug = slugs[key.environment_id] if key.environment_id else "-"
            click.echo(f"{key.id}  {key.kind:8} {slug:12} {key.hint:16} {key.created_at:%Y-%m-%d}  {key.name}")


@keys.command(name="revoke")
@click.argument("key_id", type=click.UUID)
def revoke_key(key_id: UUID) -> None:
    """Revoke a key by its id."""
    from notify_workers import resources
    from notify_workers.store import environments

    with resources.configuration() as tx:
        if not environments.revoke_key(tx, key_id):
            raise click.ClickException(f"there is no key {key_id}")


@keys.command(name="encryption")
def make_encryption_key() -> None:
    """Print a new key for DOORBELL_ENCRYPTION_KEYS. It is stored nowhere."""
    from notify_workers.vault import new_key

    click.echo(new_key())


keys.add_command(signing)
main.add_command(api_log)


main.add_command(channels)
main.add_command(environments)


main.add_command(webhooks)
main.add_command(guides)


@main.command()
@click.option("--variables", type=click.File(encoding="utf-8"), help="A JSON file of what templates see as `vars`.")
@click.option(
    "--preferences", type=click.File(encoding="utf-8"), help="A JSON file of everybody's default preferences."
)
@click.option(
    "--preference-center", type=click.File(encoding="utf-8"), help="A JSON file of what the preference centre shows."
)
@click.option("--enhanced-security", type=click.Choice(["on", "off"]), help="Whether public keys need a user token.")
@click.option("--signing-key", type=click.File(encoding="utf-8"), help="A public key (PEM) that signs user tokens.")
@ENVIRONMENT
def configure(environment: str, **given: Any) -> None:
    """Set what holds for an environment as a whole."""
    from notify_workers import environments, preference_center, signing_keys

    of = environment_of(environment)
    if given["variables"] is not None:
        environments.set_variables(of, read_document(given["variables"]))
    if given["preferences"] is not None:
        environments.set_default_preferences(of, read_document(given["preferences"]))
    if given["preference_center"] is not None:
        preference_center.configure(of, read_document(given["preference_center"]))
    if (file := given["signing_key"]) is not None:
        signing_keys.add(of, file.read(), file.name)
    if given["enhanced_security"] is not None:
        environments.set_enhanced_security(of, on=given["enhanced_security"] == "on")
    if all(each is None for each in given.values()):
        raise click.UsageError("name what to set: see `doorbell configure --help`")


main.add_command(sources)

RESOURCE_FILES = (
    *("workflows/*/workflow.json", "layouts/*/layout.json", "partials/*/partial.json", "translations/*/*"),
    "guides/*/guide.json",
)


@main.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@ENVIRONMENT
def push(directory: Path, environment: str) -> None:
    """Publish a tree of resources, all or nothing."""
    from notify_workers import resources

    if not any(any(directory.glob(pattern)) for pattern in RESOURCE_FILES):
        raise click.ClickException(f"{directory} has no resources: none of {', '.join(RESOURCE_FILES)}")
    changed = resources.push_library(directory, environment_of(environment))
    click.echo(f"Published: {', '.join(changed)}" if changed else "Nothing has changed.")


@main.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@ENVIRONMENT
def pull(directory: Path, environment: str) -> None:
    """Write an environment's resources into a tree of files."""
    from notify_workers import resources

    changed = resources.pull_library(directory, environment_of(environment))
    click.echo("\n".join(changed) if changed else "Nothing has changed.")


@main.command()
@click.argument("what", metavar="WORKFLOW")
@click.option(
    "--events",
    "-E",
    type=click.File(encoding="utf-8"),
    help="What happens: one JSON object on a line.",
)
@click.option("--until", default="30d", show_default=True, help="Where it ends: a duration (14d) or a timestamp.")
@click.option(
    "--from", "start", help="Where it starts.  [default: the events' earliest timestamp, or 2026-01-01T09:00:00Z]"
)
@click.option(
    "--library",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The tree in which WORKFLOW is a key.  [default: Doorbell's own]",
)
@click.option("--data", default="{}", help="Without --events: the data of one example trigger.")
@click.option("--recipient", default="jane", show_default=True, help="Without --events: who it is for.")
@click.option(
    "--vars", "variables", type=click.File(encoding="utf-8"), help="Environment variables: a JSON object in a file."
)
@click.option(
    "--timezone", default="Etc/UTC", show_default=True, help="The account's time zone, in which times are shown."
)
@click.option("--json", "as_json", is_flag=True, help="Print the trace, one JSON object on a line.")
@click.option("--content", is_flag=True, help="With the rendered content of each message.")
@click.option(
    "--golden",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Compare with a saved trace; exit with 1 if it differs.",
)
@click.option("--update", is_flag=True, help="Save the trace as the golden file instead.")
def simulate(**options: Any) -> None:
    """Execute WORKFLOW in virtual time: a directory with a workflow.json, or a key.

    No service runs and nothing is sent. Prints each message with the time at which it would leave, and the reason for
    everything that is not sent.
    """
    from doorbell import simulation_command

    sys.exit(simulation_command.execute(**options))


@main.command()
@click.argument("identifier")
def why(identifier: str) -> None:
    """Tell everything that was decided about a run or a message."""
    from doorbell.why import explain

    click.echo(explain(identifier))


@main.group()
def clock() -> None:
    """Move the development stack's clock."""


@clock.command(name="advance")
@click.argument("duration")
def advance_clock(duration: str) -> None:
    """Let time pass: `3d`, `12h`, `90m`, `1d12h`, `30s`."""
    address = running.address(settings())
    body = json.dumps({"seconds": parse_duration(duration)}).encode()
    request = Request(f"{address}/dev/clock/advance", body, {"Content-Type": "application/json"})
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=10) as answer:
            click.echo(f"It is now {json.load(answer)['now']}.")
    except HTTPError as error:
        raise click.ClickException(
            f"the clock cannot be moved at {address}: only the development stack has it"
        ) from error
    except (URLError, OSError):
        raise click.ClickException(
            f"no development stack answers at {address}; start one with `doorbell dev`"
        ) from None


_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}


def parse_duration(text: str) -> int:
    """`1d12h` in seconds. Raises a usage error for anything else."""
    if not re.fullmatch(r"(\d+[wdhms])+", text):
        raise click.BadParameter(f"{text!r} is not a duration such as 3d, 12h, 90m or 1d12h")
    return sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+)([wdhms])", text))
