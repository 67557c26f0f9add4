"""Workers that are killed with -9 in the middle of their work.

Reads `<where> <due id>` lines, does each in a process of its own and writes which signal ended it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from notify_workers import batches, delivery, queue, runner, smtp
from notify_workers.store import batches as batch_rows
from notify_workers.store import deliveries, runs


def kill(_: object = None) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


def after(work: Callable[..., Any]) -> Callable[..., Any]:
    """Does the work, then dies."""

    def dying(*arguments: Any, **named: Any) -> Any:
        work(*arguments, **named)
        kill()

    return dying


def die(where: str, due_id: int) -> None:
    """Executes the work that a row owes up to there."""
    match where:
        case "step-before-commit":
            runs.move = after(runs.move)
        case "step-in-redis":
            batches._script = after(batches._script)
        case "step-window-opened":
            batch_rows.open_window = after(batch_rows.open_window)
        case "step-activity-appended":
            batch_rows.append = after(batch_rows.append)
        case "step-window-closed":
            batch_rows.close_window = after(batch_rows.close_window)
        case "step-after-commit" | "delivery-after-intent":
            queue.ring = kill  # type: ignore[assignment]
        case "delivery-before-the-provider":
            smtp.submit = kill  # type: ignore[assignment]
        case "delivery-after-the-provider":
            smtp.submit = after(smtp.submit)
        case "delivery-after-the-outcome":
            deliveries.settle_delivery = after(deliveries.settle_delivery)
    work = runner.run_step if where.startswith("step") else delivery.deliver
    work(due_id)


def main() -> None:
    for line in sys.stdin:
        where, due_id = line.split()
        child = os.fork()
        if not child:
            die(where, int(due_id))
            os._exit(0)
        sys.stdout.write(f"{os.WTERMSIG(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
