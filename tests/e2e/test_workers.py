"""`bihak serve --workers`: several processes are one server."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.client import Client
from tests.e2e.conftest import Connect, StartServer, make_conversation
from tests.e2e.server import SECRET, ServerProcess, run_bihak
from tests.redis_servers import Redis
from tests.servers import MariaDb
from tests.waiting import until


@pytest.fixture
def shared_url(mariadb: MariaDb) -> Iterator[str]:
    name = mariadb.create_database()
    yield mariadb.url(name)
    mariadb.drop_database(name)


def pids(server: ServerProcess, worker: int | None = None) -> list[int]:
    """Of the workers that ever served, in the order in which they began to."""
    return [each["pid"] for each in server.log_events("worker serves") if worker in (None, each["worker"])]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_without_redis_and_mysql_it_says_what_to_set(tmp_path: Path) -> None:
    told = run_bihak(tmp_path, "serve", "--workers", "2", AUTH_SECRET=SECRET)
    assert told.returncode == 2
    assert "set REDIS_URL=redis://localhost and DB_HOST" in told.stderr
    told = run_bihak(tmp_path, "serve", AUTH_SECRET=SECRET, REDIS_URL="redis://localhost")
    assert told.returncode == 2
    assert "the database is SQLite" in told.stderr
    told = run_bihak(tmp_path, "serve", AUTH_SECRET=SECRET, REDIS_URL="http://:hidden@localhost")
    assert "redis+sentinel://" in told.stderr
    assert "hidden" not in told.stderr


async def test_workers_share_a_port_are_replaced_and_end_together(
    start_server: StartServer, connect: Connect, http: aiohttp.ClientSession, shared_url: str, redis_server: Redis
) -> None:
    server = start_server(
        *("--demo", "--workers", "3"), DATABASE_URL=shared_url, REDIS_URL=redis_server.url, LOG_FORMAT="json"
    )
    assert "3 workers, redis://" in server.said()
    first = pids(server)
    assert len(set(first)) == 3

    # Enough connections to be on every worker, all in one conversation.
    conversation_id = await make_conversation(server, http, "user_2001", "user_2002")
    clients: list[Client] = []
    while {event["worker"] for event in server.log_events("authenticated")} != {1, 2, 3}:
        clients.append(await connect(server, f"user_{2001 + len(clients) % 2}"))
    await clients[0].send(type="message", conversation_id=conversation_id, content="to all workers")
    for client in clients:
        await client.hear("new_message", content="to all workers")

    async def all_are_told_of() -> bool:
        async with http.get(f"{server.url}/metrics") as response:
            rooms = [line for line in (await response.text()).splitlines() if line.startswith("bihak_rooms{")]
        return rooms == [f'bihak_rooms{{worker="{worker}"}} 1.0' for worker in (1, 2, 3)]

    await until(all_are_told_of)

    victim = server.log_events("worker serves")[0]
    os.kill(victim["pid"], signal.SIGKILL)
    await until(lambda: len(pids(server, victim["worker"])) == 2)
    (died,) = server.log_events("worker died")
    assert (died["worker"], died["status"]) == (victim["worker"], -signal.SIGKILL)

    running = [pid for pid in pids(server) if is_alive(pid)]
    assert len(running) == 3
    assert await asyncio.to_thread(server.stop) == 0
    assert not any(map(is_alive, running))
    assert [event["finished"] for event in server.log_events("stopped") if "worker" in event] == [True] * 3


@pytest.mark.parametrize(("workers", "keep"), [(2, True), (3, False)])
async def test_workers_keep_to_a_core_each_where_every_core_gets_as_many(
    workers: int, keep: bool, start_server: StartServer, shared_url: str, redis_server: Redis
) -> None:
    all_cores = os.sched_getaffinity(0)
    cores = sorted(all_cores)[:2]
    shared = {"DATABASE_URL": shared_url, "REDIS_URL": redis_server.url, "LOG_FORMAT": "json"}
    os.sched_setaffinity(0, cores)  # what is started here has no others
    try:
        server = start_server("--demo", "--workers", str(workers), anew=True, **shared)
    finally:
        os.sched_setaffinity(0, all_cores)
    os.kill(pids(server, 1)[0], signal.SIGKILL)
    await until(lambda: len(pids(server, 1)) == 2)  # the one in its place as well
    each_has = [{cores[0]}, {cores[-1]}] if keep else [set(cores)] * workers
    assert [cores_of(pids(server, worker)[-1]) for worker in range(1, workers + 1)] == [[has] for has in each_has]


def cores_of(pid: int) -> list[set[int]]:
    """Of its threads, each set once."""
    found: list[set[int]] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        cores = os.sched_getaffinity(int(thread.name))
        if cores not in found:
            found.append(cores)
    return found


async def test_workers_do_not_outlive_their_supervisor(
    start_server: StartServer, shared_url: str, redis_server: Redis
) -> None:
    server = start_server(
        *("--demo", "--workers", "2"), DATABASE_URL=shared_url, REDIS_URL=redis_server.url, LOG_FORMAT="json"
    )
    server.kill()
    await until(lambda: not any(map(is_alive, pids(server))))
    assert len([event for event in server.log_events("stopped") if event.get("finished")]) == 2
