"""What is measured: each scenario with its seed, its load, and the contestants that can take part in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bench import cores
from bench.seeds import Seed

Unit = Literal["message", "delivery", "connection", "operation", "second"]


@dataclass(frozen=True)
class Size:
    """How much of it."""

    pairs: int = 100
    room: int = 1000
    storm: int = 5000
    idle: int = 5000
    few: int = 1000
    crowd: int = 19_000
    talks: int = 10_000
    """Conversations of each of the ten pairs of the largest database."""
    mixed_per_s: int = 1000
    seconds: float = 4.0
    warmup_s: float = 1.5
    settle_s: float = 2.0
    rounds: int = 3


FULL = Size()
QUICK = Size(room=200, storm=500, idle=500, crowd=2000, talks=200, seconds=1.0, warmup_s=0.5, settle_s=0.5, rounds=1)


@dataclass(frozen=True)
class Scenario:
    name: str
    what: str
    unit: Unit
    """What the CPU time is divided by."""
    seed: Seed
    contestants: tuple[str, ...]
    load: Mapping[str, Any]
    other_load: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What is different for one contestant."""
    is_crowded: bool = False
    """Whether its connections are what it is about, so that memory is worth a column."""
    goes_ahead: bool = False
    """Whether other programs of the machine must wait, where they may be made to: one of a hundred messages decides."""
    counts_deferred: bool = False
    """Whether what is put off until after the replies is waited for, and its CPU counts."""

    @property
    def group(self) -> str:
        """The word by which it is asked for."""
        return self.name.partition("-")[0]


def scenarios(size: Size) -> list[Scenario]:
    """All of them, in the order of the tables."""
    return [*_pairs(size), *_rooms(size), *_connections(size), *_growth(size), _mixed(size), _workers(size)]


def _load(size: Size, work: str, seed: Seed, **others: Any) -> dict[str, Any]:
    people = "pairs" if seed.kind == "pairs" else "users"
    settle_s = min(size.settle_s, 0.5)
    times = {"seconds": size.seconds, "warmup": size.warmup_s, "settle": settle_s}
    return {"work": work, "people": people, "connections": seed.people, **times, **others}


def _pairs(size: Size) -> list[Scenario]:
    seed = Seed("pairs", 2 * size.pairs)
    three = ("MariaDB", "SQLite", "Node")
    windows = [
        Scenario(
            f"pairs-{window}",
            f"{size.pairs} direct conversations, in each {window} in flight",
            "message",
            seed,
            three,
            _load(size, "pairs", seed, senders=size.pairs, window=window),
        )
        for window in (1, 8)
    ]
    rate = _load(size, "rate", seed, senders=size.pairs, rate=300)
    return [*windows, Scenario("rate", f"300 messages/s over {size.pairs} pairs", "message", seed, three, rate)]


def _rooms(size: Size) -> list[Scenario]:
    seed = Seed("room", size.room)
    return [
        Scenario(
            f"room-{window}",
            f"one sender, {size.room:,} members, {window} in flight",
            "delivery",
            seed,
            ("MariaDB", "Node", "C", "websockets"),
            _load(size, "room", seed, senders=1, window=window),
        )
        for window in (1, 16)
    ]


_AHEAD = ", ahead of the machine's other programs" if cores.may_go_ahead() else ""


def _connections(size: Size) -> list[Scenario]:
    pairs, ring = Seed("pairs", size.idle), Seed("ring", size.storm, talks=10)
    crowds = [
        (Seed("pairs", number), number, name) for number, name in ((size.few, "crowd-few"), (size.crowd, "crowd-most"))
    ]
    return [
        Scenario(
            "idle",
            f"{size.idle:,} connections that do nothing",
            "second",
            pairs,
            ("MariaDB", "Node"),
            _load(size, "idle", pairs, senders=0, settle=size.settle_s),
            is_crowded=True,
        ),
        Scenario(
            "storm",
            f"{size.storm:,} clients with 10 conversations each reconnect at once; Node authenticates only",
            "connection",
            ring,
            ("MariaDB", "Node"),
            _load(size, "storm", ring, senders=0, missed=1, settle=size.settle_s, connecting=size.storm),
            {"Node": {"plain": True}},
            is_crowded=True,
        ),
        *(
            Scenario(
                name,
                f"200 messages/s among {number:,} connections{_AHEAD}",
                "message",
                seed,
                ("MariaDB",),
                _load(size, "rate", seed, senders=number // 2, rate=200, settle=size.settle_s),
                is_crowded=True,
                goes_ahead=True,
            )
            for seed, number, name in crowds
        ),
    ]


def _growth(size: Size) -> list[Scenario]:
    few, many = Seed("pairs", 20), Seed("pairs", 20, size.talks)
    variants: list[tuple[str, Seed, str, dict[str, int]]] = [
        ("growth-few", few, "10 conversations in turn", {}),
        ("growth-beside", many, f"10 of {10 * size.talks:,} conversations in turn", {"talks": 1}),
        ("growth-many", many, f"{10 * size.talks:,} conversations in turn", {}),
    ]
    return [
        Scenario(
            name,
            f"ten pairs, one in flight, {where}",
            "message",
            seed,
            ("MariaDB",),
            # Signing in reads all conversations of a person; here one person after the other.
            _load(size, "pairs", seed, senders=10, window=1, connecting=1, **talks),
            counts_deferred=True,
        )
        for name, seed, where, talks in variants
    ]


def _mixed(size: Size) -> Scenario:
    seed = Seed("pairs", 2 * size.pairs)
    load = _load(size, "mixed", seed, senders=0, rate=size.mixed_per_s, keys=True)
    what = f"{size.mixed_per_s:,} acts/s: sends, typing, reads, history, presence, reconnects"
    return Scenario("mixed", what, "operation", seed, ("MariaDB", "SQLite"), load)


def _workers(size: Size) -> Scenario:
    seed = Seed("pairs", 2 * size.pairs)
    load = _load(size, "pairs", seed, senders=size.pairs, window=8)
    what = f"{size.pairs} direct conversations, 8 in flight; all on one core, all on two"
    return Scenario("workers", what, "message", seed, ("one worker", "two workers"), load)
