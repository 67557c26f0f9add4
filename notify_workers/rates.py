"""How many messages a second a provider takes: what comes on top waits its turn, and is never dropped."""

from __future__ import annotations

import logging
from functools import cache

from redis import RedisError
from redis.commands.core import Script

from notify_workers.redis_client import client

log = logging.getLogger(__name__)

# A bucket that holds one second's messages and fills evenly (GCRA). Whoever is over gets the time of its own turn, so that
# a thousand that wait do not all come back at once.
TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2])
local next_at = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local wait = next_at - tolerance - now
if wait <= 0 then
    local ends = next_at + interval
    redis.call('SET', KEYS[1], string.format('%.0f', ends), 'PX', math.ceil((ends - now) / 1000) + 1)
    return 0
end
local turn = math.max(tonumber(redis.call('GET', KEYS[2]) or 0), now + wait) + interval
redis.call('SET', KEYS[2], string.format('%.0f', turn), 'PX', math.ceil((turn - now) / 1000) + 1)
return math.ceil(turn - now)
"""

SECOND = 1_000_000


def take(name: str, rate: float) -> float:
    """Seconds to wait; 0: go on. Redis being away lets everything pass."""
    interval = SECOND / rate
    keys = [f"doorbell:rate:{name}", f"doorbell:rate:{name}:turns"]
    try:
        return float(_script()(keys=keys, args=[interval, max(0.0, SECOND - interval)])) / SECOND
    except RedisError as error:
        log.warning("rates cannot be asked: %s", error)
        return 0.0


@cache
def _script() -> Script:
    return client().register_script(TAKE)
