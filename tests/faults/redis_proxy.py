"""Proxies before Redis and its Sentinel: publications that get lost, doubled, late; addresses that lead to proxies."""

import asyncio
import random
from collections.abc import Mapping

from tests.faults.proxy import Link, Proxy

DELAY_S = (0.01, 0.4)
_MESSAGE = b"*3\r\n$7\r\nmessage\r\n"


class RedisProxy(Proxy):
    """Passes on whole replies, and can mistreat those that are publications to subscribers."""

    def __init__(self, target_port: int, rng: random.Random) -> None:
        super().__init__(target_port, rng)
        self.unreliability = 0.0
        """The share of publications that are dropped, repeated, or come late and thus in another order."""
        self._rests: dict[Link, bytes] = {}

    def alter_reply(self, link: Link, chunk: bytes) -> bytes:
        whole = self._rests.pop(link, b"") + chunk
        passed = b""
        while (size := reply_size(whole)) is not None:
            reply, whole = whole[:size], whole[size:]
            if reply.startswith(_MESSAGE) and self._rng.random() < self.unreliability:
                passed += self._mistreat(link, reply)
            else:
                passed += reply
        if whole:
            self._rests[link] = whole
        return passed

    def _mistreat(self, link: Link, reply: bytes) -> bytes:
        fate = self._rng.randrange(3)
        if fate == 0:
            return b""
        if fate == 1:
            return reply * 2
        asyncio.get_running_loop().call_later(self._rng.uniform(*DELAY_S), self._write, link, reply)
        return b""

    @staticmethod
    def _write(link: Link, reply: bytes) -> None:
        if not link.near.transport.is_closing():
            link.near.write(reply)


class SentinelProxy(Proxy):
    """Makes a Sentinel tell the ports of proxies in place of the servers' own; all of them have five digits."""

    def __init__(self, target_port: int, rng: random.Random, ports: Mapping[int, int]) -> None:
        super().__init__(target_port, rng)
        self._ports = {str(real).encode(): str(proxy).encode() for real, proxy in ports.items()}

    def alter_reply(self, link: Link, chunk: bytes) -> bytes:
        for real, proxy in self._ports.items():
            assert len(real) == len(proxy)
            chunk = chunk.replace(real, proxy)
        return chunk


def reply_size(buffer: bytes) -> int | None:
    """How long the first reply in `buffer` is; None if it is not complete.

    RESP2 (https://redis.io/docs/latest/develop/reference/protocol-spec/): a line, a length and so many bytes, or a
    count and so many replies.
    """
    end = buffer.find(b"\r\n")
    if end < 0:
        return None
    kind, line, size = buffer[:1], buffer[1:end], end + 2
    if kind == b"$" and int(line) >= 0:
        size += int(line) + 2
    elif kind == b"*":
        for _ in range(int(line)):
            part = reply_size(buffer[size:])
            if part is None:
                return None
            size += part
    return size if size <= len(buffer) else None
