"""Frames from a file, thrown at a node: by the fuzzer, and again by the tests."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bihak.core.feature import Command
from tests.fuzz.test_frames import Target, public
from tests.harness import Place

MOST_FRAMES = 8


class Thrower:
    """A node with a conversation to throw at, over a database in that folder."""

    def __init__(self, folder: Path) -> None:
        self._place = Place(f"sqlite:///{folder / 'bihak.db'}")
        self._target = Target(self._place)

    def close(self) -> None:
        self._target.close()
        self._place.close()

    def throw(self, data: bytes) -> None:
        """Fails unless each frame gets one answer at most, and none is told of a bug. A first line `-`: by nobody."""
        frames = data.split(b"\n")[:MOST_FRAMES]
        target, device = self._target, None
        if frames[0] == b"-":
            device = target.cluster.open("user_9")
        for frame in frames:
            if device is not None and not device.is_open:
                break
            answers = [answer for answer in target.throw(frame, device) if not is_heartbeat(answer)]
            assert len(answers) <= 1, answers
            assert not [answer for answer in answers if answer.get("code") == "internal"], answers
        if device is not None:
            target.loop.call_soon(device.drop)
            target.loop.run_until_complete(asyncio.sleep(0))
        self._forget()
        assert not target.cluster.faults, target.cluster.faults

    def _forget(self) -> None:
        """What was heard, or the fuzzer's memory would fill with it."""
        devices = self._target.cluster.devices
        devices[:] = [device for device in devices if device.is_open]
        for device in devices:
            device.frames.clear()
            device.bodies.clear()

    @property
    def commands(self) -> list[Command]:
        """Those that a client may send."""
        return public(self._target.cluster)


def is_heartbeat(answer: dict[str, Any]) -> bool:
    """Whether it is a `pong` that nobody asked for."""
    return answer["type"] == "pong" and "heads" in answer


def words() -> Iterator[str]:
    """What a frame that gets anywhere has in it."""
    from tests.meta.test_documents import COMMANDS

    names = {"type", "user_1", "user_2", "team", "direct", "online"}
    for command in COMMANDS:
        if not command.internal:
            names |= {command.name, *command.request.__struct_fields__}
    yield from sorted(names)
