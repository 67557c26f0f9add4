from typing import get_args

import pytest

from workflows.model import AnyStep, DelayStep
from workflows.steps import _HANDLERS, handles


def test_every_step_class_has_a_handler() -> None:
    assert set(_HANDLERS) == set(get_args(AnyStep))


def test_a_step_class_has_only_one_handler() -> None:
    with pytest.raises(TypeError, match="DelayStep has a handler already"):
        handles(DelayStep)(lambda step, context: iter(()))  # type: ignore[arg-type, return-value]
