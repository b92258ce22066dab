"""A scenario against a server that runs already: its people and conversations are made through the protocol."""

import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from joserfc import jwt
from joserfc.jwk import OctKey

from bench import load
from bench.runs import Result, figures_of
from bench.scenarios import Scenario
from bench.seeds import Member, Seed

TOGETHER = 32
TOKEN_S = 3600


def measure(scenario: Scenario, url: str, secret: str | None) -> Result:
    """One run; the CPU of a server elsewhere is not known, and told as 0. Raises LoadFailed."""
    # New people each time: what earlier visits have left behind would be theirs as well.
    seed = replace(scenario.seed, base=time.time_ns() // 1_000_000)
    where = urlsplit(url)
    with tempfile.TemporaryDirectory() as folder:
        options = {**scenario.load, "base": seed.base}
        if secret is not None:
            tokens = [_token(member, secret) for member in _people(seed)]
            options["tokens"] = load.write_tokens(Path(folder) / "tokens", tokens)
        host, port, path = where.hostname or "127.0.0.1", where.port or 80, where.path or "/"
        # Who has signed in once can be put into conversations.
        acquainted = {**options, "work": "idle", "seconds": 0, "warmup": 0, "settle": 0, "senders": 0}
        load.run(port, acquainted, host=host, path=path)
        asyncio.run(_converse(url, seed, secret))
        outcome = load.run(port, options, host=host, path=path)
    faults = {where.netloc: outcome.fault} if outcome.fault else {}
    return Result(scenario, {where.netloc: figures_of(scenario, outcome)}, faults, {}, 1)


def _people(seed: Seed) -> list[Member]:
    """In the order of the generator's connections."""
    kinds = ("user", "mentor") if seed.kind == "pairs" else ("user",)
    each = seed.people // len(kinds)
    return [(kind, seed.base + n + 1) for kind in kinds for n in range(each)]


def _token(member: Member, secret: str) -> str:
    claims = {"sub": _user_id(member), "exp": int(time.time()) + TOKEN_S}
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(secret))


def _user_id(member: Member) -> str:
    return f"{member[0]}_{member[1]}"


async def _converse(url: str, seed: Seed, secret: str | None) -> None:
    """Makes the conversations, each by its first member; what has been said in them is left out."""
    wanted: dict[Member, list[Mapping[str, object]]] = defaultdict(list)
    for found in seed.conversations():
        others = [_user_id(member) for member in found.members[1:]]
        request = {"type": "create_conversation", "conversation_type": found.kind, "participants": others}
        wanted[found.members[0]].append(request if found.kind == "direct" else {**request, "name": "Bench"})
    room = asyncio.Semaphore(TOGETHER)
    async with aiohttp.ClientSession() as http:
        await asyncio.gather(*(_create(http, room, url, who, found, secret) for who, found in wanted.items()))


async def _create(
    http: aiohttp.ClientSession,
    room: asyncio.Semaphore,
    url: str,
    who: Member,
    requests: list[Mapping[str, object]],
    secret: str | None,
) -> None:
    identity: dict[str, object] = {"participant_type": who[0], "participant_id": who[1]}
    if secret is not None:
        identity = {"token": _token(who, secret)}
    async with room, http.ws_connect(url) as socket:
        await socket.send_json({"type": "auth", **identity})
        for request in requests:
            await socket.send_json(request)
            while (frame := await socket.receive_json())["type"] != "conversation":
                if frame["type"] == "error":
                    raise load.LoadFailed(f"{url} refuses to make a conversation: {frame['message']}")
