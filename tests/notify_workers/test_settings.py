from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from notify_workers import settings as settings_module
from notify_workers.errors import SettingsInvalid
from notify_workers.settings import Settings, export, read, setting_fields, setting_names


def test_without_variables_everything_has_its_default() -> None:
    assert read({}) == Settings()
    assert read({"DOORBELL_PORT": "", "PATH": "/bin"}) == Settings()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("PORT", "0", 0),
        ("HOME", "/var/lib/doorbell", Path("/var/lib/doorbell")),
        ("DEVELOPMENT", "Yes", True),
        ("DEVELOPMENT", "off", False),
        ("LOG_LEVEL", "debug", "DEBUG"),
        ("WORKERS", "4", 4),
        ("STEP_LEASE", "2.5", 2.5),
        ("DATABASE_URL", "postgres://u:p@h:5432/d", "postgresql+psycopg://u:p@h:5432/d"),
        ("DATABASE_URL", "postgresql:///d?host=/run", "postgresql+psycopg:///d?host=/run"),
        ("REDIS_URL", "sentinel://a:26379,b:26379/0?master=m", "sentinel://a:26379,b:26379/0?master=m"),
    ],
)
def test_a_variable_is_read_as_what_it_means(name: str, text: str, value: Any) -> None:
    assert getattr(read({f"DOORBELL_{name}": text}), name.lower()) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "http"),
        ("WORKERS", "0"),
        ("WORKERS", "1.5"),
        ("STEP_LEASE", "0"),
        ("STEP_LEASE", "-1"),
        ("STEP_LEASE", "nan"),
        ("TOKEN_LIFETIME", "inf"),
        ("DEVELOPMENT", "perhaps"),
        ("LOG_LEVEL", "LOUD"),
        ("DATABASE_URL", "mysql://h/d"),
        ("DATABASE_URL", "h/d"),
        ("REDIS_URL", "http://h"),
    ],
)
def test_a_variable_that_means_nothing_is_named(name: str, text: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"DOORBELL_{name}: "):
        read({f"DOORBELL_{name}": text})


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        read({"DOORBELL_PORT": "x", "DOORBELL_WORKERS": "0", "DOORBELL_COLOUR": "red"})
    assert len(caught.value.problems) == 3
    assert "DOORBELL_COLOUR is not a setting" in caught.value.problems


def test_variables_of_the_tests_and_measurements_are_not_settings_and_no_problem() -> None:
    assert read({"DOORBELL_TEST_X": "1", "DOORBELL_CHAOS_RUNS": "1", "DOORBELL_BENCH_X": "1"}) == Settings()


def test_the_lease_of_a_delivery_must_be_longer_than_its_longest_wait() -> None:
    with pytest.raises(SettingsInvalid, match="DOORBELL_DELIVERY_LEASE must be longer"):
        read({"DOORBELL_DELIVERY_LEASE": "20"})


@pytest.mark.parametrize("name", ["database", "redis"])
def test_a_missing_address_is_an_error_where_it_is_needed(name: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"DOORBELL_{name.upper()}_URL is not set"):
        getattr(Settings(), name)


def test_exported_settings_are_read_back_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = replace(Settings(), development=True, database_url="postgresql+psycopg://h/d", port=1, step_lease=0.5)
    monkeypatch.setattr(os, "environ", {})
    export(chosen)
    assert read(os.environ) == chosen


def test_settings_are_read_from_the_environment_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_module, "_chosen", None)
    monkeypatch.setenv("DOORBELL_PORT", "1234")
    assert settings_module.settings().port == 1234
    monkeypatch.setenv("DOORBELL_PORT", "4321")
    assert settings_module.settings().port == 1234


def test_every_setting_says_what_it_is_and_how_its_default_would_be_written() -> None:
    for name, each in setting_fields().items():
        assert name == f"DOORBELL_{each.name.upper()}"
        assert each.metadata["doc"].endswith(".")
        if each.default is not None:
            assert each.metadata["parse"](str(each.default)) == each.default
    assert len(setting_names()) == len(setting_fields())
