from __future__ import annotations

from collections.abc import Callable

import pytest
from redis import RedisError

from notify_workers import lifeline, pending, queue
from notify_workers.redis_client import client
from tests.engine import Engine
from tests.mail_server import MailServer
from tests.notify_workers.conftest import Away

ChangeSettings = Callable[..., None]


def test_a_trigger_whose_bell_was_lost_is_rung_again_when_overdue(
    invite: Engine, mail: MailServer, change_settings: ChangeSettings
) -> None:
    invite.trigger("account-invite", ["jane"])
    client().delete(queue.ACCEPT)
    assert lifeline.look() == 0
    change_settings(accept_lease=0.000001)
    assert lifeline.look() == 1
    invite.drain()
    assert (len(mail.messages), lifeline.look()) == (1, 0)


def test_overdue_triggers_are_rung_together(invite: Engine, change_settings: ChangeSettings) -> None:
    change_settings(accept_lease=0.000001)
    ids = [str(invite.trigger("account-invite", ["jane"])) for _ in range(pending.ACCEPTED_TOGETHER + 2)]
    client().delete(queue.ACCEPT)
    lifeline.look()
    first, second = invite.bells()
    assert (first.args, second.args) == ((ids[:-2],), (ids[-2:],))


def test_while_bells_wait_in_the_queue_nothing_is_overdue(invite: Engine, change_settings: ChangeSettings) -> None:
    change_settings(accept_lease=0.000001, queue_bound=1)
    invite.trigger("account-invite", ["jane"])
    assert (lifeline.look(), queue.length(queue.ACCEPT)) == (0, 1)


def test_a_worker_killed_with_the_trigger_in_hand_costs_a_lease(
    invite: Engine, mail: MailServer, change_settings: ChangeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_settings(accept_lease=0.000001)
    invite.trigger("account-invite", ["jane"])
    list(invite.bells())
    lifeline.look()
    lifeline.look()
    invite.drain()
    assert (len(mail.messages), pending.count(), invite.count("triggers")) == (1, 0, 1)


def test_while_redis_is_away_there_is_nothing_to_look_at(invite: Engine, redis_away: Away) -> None:
    with redis_away(), pytest.raises(RedisError):
        lifeline.look()
