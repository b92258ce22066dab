"""Token buckets in Redis, by its clock."""

from collections.abc import Mapping

from redis.asyncio import Redis
from redis.asyncio.connection import ConnectionPool
from redis.exceptions import RedisError

from bihak.cluster.ledger import LedgerAway

KEYS_AT_ONCE = 500

# A bucket that is full is not kept.
_SPEND = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local count, per_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local waits = {}
for i, key in ipairs(KEYS) do
  local stored = redis.call('HMGET', key, 'tokens', 'at')
  local tokens, at = tonumber(stored[1]) or count, tonumber(stored[2]) or now
  tokens = math.min(count, tokens + math.max(0, now - at) * per_ms) - tonumber(ARGV[2 + i])
  if tokens < count then
    redis.call('HSET', key, 'tokens', tostring(tokens), 'at', tostring(now))
    redis.call('PEXPIRE', key, math.ceil((count - tokens) / per_ms))
  end
  waits[i] = tokens < 1 and math.ceil((1 - tokens) / per_ms) or 0
end
return waits
"""


class RedisLedger:
    """Implements `Ledger`."""

    def __init__(self, pool: ConnectionPool, prefix: str) -> None:
        self._client = Redis(connection_pool=pool)
        self._prefix = f"{prefix}:limit:"
        self._script = self._client.register_script(_SPEND)

    async def spend(self, spent: Mapping[str, int], count: int, period_s: float) -> dict[str, float]:
        names, waits_ms = list(spent), []
        try:
            for at in range(0, len(names), KEYS_AT_ONCE):
                some = names[at : at + KEYS_AT_ONCE]
                arguments = [count, count / (period_s * 1000), *(spent[name] for name in some)]
                waits_ms += await self._script([self._prefix + name for name in some], arguments)
        except (RedisError, OSError, RuntimeError) as fault:  # the last is uvloop's word for a closed connection
            raise LedgerAway(str(fault)) from fault
        return {name: wait_ms / 1000 for name, wait_ms in zip(names, waits_ms, strict=True)}

    async def close(self) -> None:
        await self._client.aclose()
        await self._client.connection_pool.aclose()
