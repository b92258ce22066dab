"""Turns key strokes into few `typing_start` and `typing_stop` frames."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

START_EVERY_S = 3.0
STOP_AFTER_S = 4.0


@dataclass(slots=True)
class Spell:
    """Somebody writes, since then."""

    started_s: float
    idle: asyncio.TimerHandle


class Typing:
    """`send` gets the frame's type and the conversation. For one event loop."""

    def __init__(self, send: Callable[[str, int], None]) -> None:
        self._send = send
        self._spells: dict[int, Spell] = {}

    def touch(self, conversation_id: int) -> None:
        """A key was struck."""
        loop = asyncio.get_running_loop()
        spell = self._spells.get(conversation_id)
        if spell is not None:
            spell.idle.cancel()
        idle = loop.call_later(STOP_AFTER_S, self.stop, conversation_id)
        if spell is not None and loop.time() - spell.started_s < START_EVERY_S:
            spell.idle = idle
            return
        self._spells[conversation_id] = Spell(loop.time(), idle)
        self._send("typing_start", conversation_id)

    def stop(self, conversation_id: int) -> None:
        spell = self._spells.pop(conversation_id, None)
        if spell is not None:
            spell.idle.cancel()
            self._send("typing_stop", conversation_id)

    def disconnected(self) -> None:
        """The connection is gone, and with it whatever the others saw."""
        for spell in self._spells.values():
            spell.idle.cancel()
        self._spells.clear()
