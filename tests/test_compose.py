"""docker-compose.yml and Dockerfile say what the command line and the settings understand, and what operations need."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from doorbell.cli import main
from notify_workers.settings import setting_names

ROOT = Path(__file__).parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OWN = {name: service for name, service in SERVICES.items() if "build" in service}
ONE_SHOT = {"migrate"}
LASTING = sorted(SERVICES.keys() - ONE_SHOT)


def words(command: str | list[str]) -> list[str]:
    return command.split() if isinstance(command, str) else command


def every_variable() -> set[str]:
    """Names of Doorbell's variables, in the services and in what they share."""
    text = (ROOT / "docker-compose.yml").read_text() + (ROOT / "Dockerfile").read_text()
    return set(re.findall(r"DOORBELL_[A-Z_]+", text))


def compose_plugin_missing() -> bool:
    docker = shutil.which("docker")
    return (
        docker is None
        or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode != 0
    )


def test_the_services_are_those_of_the_documentation() -> None:
    assert set(SERVICES) == {"postgres", "redis", "migrate", "api", "worker", "timers", "flower", "mail"}


@pytest.mark.parametrize("name", sorted(OWN))
def test_each_command_exists(name: str) -> None:
    assert isinstance(main, click.Group)
    assert words(OWN[name]["command"])[0] in main.commands


@pytest.mark.parametrize("name", LASTING)
def test_each_lasting_service_has_a_health_check_and_comes_back(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(OWN.keys() - ONE_SHOT))
def test_nothing_starts_before_the_schema_is_there(name: str) -> None:
    assert SERVICES[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


@pytest.mark.parametrize("store", ["postgres", "redis"])
def test_migrate_waits_for_the_stores(store: str) -> None:
    assert SERVICES["migrate"]["depends_on"][store]["condition"] == "service_healthy"
    assert SERVICES["migrate"]["restart"] == "on-failure"


def test_health_checks_call_commands_that_exist() -> None:
    checks = [words(service["healthcheck"]["test"]) for service in OWN.values() if "healthcheck" in service]
    called = {check[2] for check in checks if check[:2] == ["CMD", "doorbell"]}
    assert called
    assert called <= main.commands.keys()


def test_every_variable_is_a_setting() -> None:
    assert every_variable()
    assert every_variable() <= setting_names()


@pytest.mark.parametrize("name", ["worker", "timers"])
def test_workers_and_timers_can_be_scaled(name: str) -> None:
    assert SERVICES[name].keys().isdisjoint({"container_name", "ports"})


def test_redis_keeps_accepted_triggers() -> None:
    command = " ".join(words(SERVICES["redis"]["command"]))
    for option in ("--appendonly yes", "--appendfsync everysec", "--maxmemory-policy noeviction"):
        assert option in command


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_the_stores_are_on_named_volumes_and_not_published(name: str) -> None:
    volumes = [volume.split(":")[0] for volume in SERVICES[name]["volumes"]]
    assert set(volumes) <= COMPOSE["volumes"].keys()
    assert "ports" not in SERVICES[name]


def test_the_image_does_not_run_as_root() -> None:
    users = re.findall(r"^USER (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert users
    assert users[-1] not in {"root", "0"}


def test_the_image_installs_from_the_lock_only() -> None:
    lines = re.findall(r"pip install[^&\n]*", (ROOT / "Dockerfile").read_text())
    assert lines
    assert all("--require-hashes" in line or "--no-deps" in line for line in lines)


@pytest.mark.skipif(compose_plugin_missing(), reason="needs the docker client with its compose plugin")
def test_compose_accepts_the_file() -> None:
    subprocess.run(["docker", "compose", "config", "--quiet"], cwd=ROOT, check=True, capture_output=True)
