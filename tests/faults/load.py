"""People who talk while faults happen: direct and team conversations, comings and goings, edits and renames."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import Awaitable, Sequence
from typing import Any

from tests.faults.clients import Answered, Device, Lost
from tests.faults.journal import Journal

PEOPLE = {"user_1": 2, "user_2": 3, "user_3": 1, "user_4": 2, "mentor_1": 2, "admin_1": 1}
"""Who takes part, and with how many devices."""
GUESTS = ("user_3", "user_4")
"""They come and go in the second team."""
FOUNDER = "user_1"
SENDS_PER_S = 8.0
"""Of each device."""
MAX_BACKLOG = 12
WANDERS_EVERY_S = 1.5
"""How often one of the devices goes to another node, where there are several."""
WORDS = ("muraho", "solar", "🌱 green", "naïve", "ingufu", "ok", "日本", "the dryer works")
LONG = 9_000
LAG_S = 0.5
"""How long a device may lag behind the last acknowledgement of a flood."""


class Load:
    """All devices, and what they do. `rng` decides it, as far as the network lets it.

    Each device goes from one of the `urls` to the next whenever it connects; they begin at different ones.
    """

    def __init__(self, urls: Sequence[str], journal: Journal, rng: random.Random) -> None:
        begins = itertools.count()
        self.devices = [
            Device(
                user_id,
                f"d{number}",
                itertools.islice(itertools.cycle(urls), next(begins) % len(urls), None),
                journal,
                random.Random(rng.random()),
                pipeline=rng.choice((1, 1, 4)),
            )
            for user_id, count in PEOPLE.items()
            for number in range(1, count + 1)
        ]
        self._rng = rng
        self._has_choice = len(urls) > 2
        self._lives: list[asyncio.Task[None]] = []
        self._doings: list[asyncio.Task[None]] = []
        self._churned = 0
        self._coming_or_going = asyncio.Lock()

    def of(self, user_id: str) -> Device:
        """Somebody's first device."""
        return next(device for device in self.devices if device.user_id == user_id)

    async def start(self) -> None:
        """Connects everyone, opens the conversations, and begins to talk."""
        self._lives = [asyncio.create_task(device.run()) for device in self.devices]
        for user_id in PEOPLE:
            await self.of(user_id).ask(type="ping")  # whoever has been here can be taken in
        founder = self.of(FOUNDER)
        for kind, people in (
            ("direct", ["mentor_1"]),
            ("direct", ["user_2"]),
            ("team", [*PEOPLE]),
            ("team", ["user_2", "admin_1", *GUESTS]),
        ):
            reply = await founder.ask(type="create_conversation", conversation_type=kind, participants=people)
            self._churned = reply["conversation"]["conversation_id"]
        self._doings = [asyncio.create_task(self._talk(device)) for device in self.devices]
        self._doings += [asyncio.create_task(self._churn()), asyncio.create_task(self._edit())]
        if self._has_choice:
            self._doings.append(asyncio.create_task(self._wander()))

    async def stop_talking(self) -> None:
        """Begins nothing new; what was begun is still being sent."""
        await _end(self._doings)

    async def stop(self) -> None:
        await _end(self._doings + self._lives)

    async def flood(self, count: int) -> None:
        """Long messages, all at once, until they are acknowledged.

        Nobody comes or goes meanwhile: to a device that lags, being taken out and in again is what it is to one that
        was away, and the checker could not tell that from an event that was lost.
        """
        async with self._coming_or_going:
            for device in self.devices[:3]:
                for cid in device.cursors:
                    for _ in range(count // 3):
                        device.send(cid, "x" * LONG)
            while any(device.backlog > MAX_BACKLOG for device in self.devices):
                await asyncio.sleep(0.05)
            await asyncio.sleep(LAG_S)

    async def _talk(self, device: Device) -> None:
        rng = random.Random(self._rng.random())
        while True:
            await asyncio.sleep(rng.expovariate(SENDS_PER_S))
            if device.cursors and device.backlog < MAX_BACKLOG:
                content = " ".join(rng.choices(WORDS, k=rng.randint(1, 8)))
                device.send(rng.choice(list(device.cursors)), content)

    async def _churn(self) -> None:
        """Takes guests in and out, at times both at once."""
        rng = random.Random(self._rng.random())
        while True:
            await asyncio.sleep(rng.uniform(0.05, 0.5))
            async with self._coming_or_going:
                await self._come_or_go(rng.choice(GUESTS), rng)

    async def _come_or_go(self, guest: str, rng: random.Random) -> None:
        cid, founder = self._churned, self.of(FOUNDER)
        out: dict[str, Any] = {"type": "remove_participant", "conversation_id": cid, "user_id": guest}
        back: dict[str, Any] = {"type": "add_participants", "conversation_id": cid, "participants": [guest]}
        match rng.randrange(5):
            case 0:
                await _try(founder.ask(**out))
            case 1:
                await _try(founder.ask(**back))
            case 2:
                await asyncio.gather(_try(founder.ask(**out)), _try(founder.ask(**back)))
            case 3:
                await _try(self.of(guest).ask(type="leave_conversation", conversation_id=cid))
            case _:
                name = f"team {rng.randrange(1000)}"
                await _try(founder.ask(type="rename_conversation", conversation_id=cid, name=name))

    async def _wander(self) -> None:
        """Moves devices, or a node that was restarted would have none."""
        rng = random.Random(self._rng.random())
        while True:
            await asyncio.sleep(rng.expovariate(1 / WANDERS_EVERY_S))
            await rng.choice(self.devices).move_on()

    async def _edit(self) -> None:
        rng = random.Random(self._rng.random())
        while True:
            await asyncio.sleep(rng.uniform(0.1, 0.5))
            device = rng.choice(self.devices)
            if device.own_messages:
                content = " ".join(rng.choices(WORDS, k=3))
                edited = rng.choice(device.own_messages)
                await _try(device.ask(type="edit_message", message_id=edited, content=content))


async def _try(asking: Awaitable[Any]) -> None:
    """What happens to one of these is for the log to tell; nobody waits for it."""
    with contextlib.suppress(Answered, Lost, TimeoutError, ConnectionError):
        await asking


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
    tasks.clear()
