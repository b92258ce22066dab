"""Every contestant takes a load and is counted right; no figure is judged."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import sqlalchemy as sa
from rich.console import Console
from websockets.asyncio.server import ServerConnection, serve

from bench import cluster, contestants, cores, load, page, plots, runs, tables, visit, writer
from bench.capacity import Constants, Scale, measured_gain, predicted_gain
from bench.databases import Databases
from bench.results import Results
from bench.scenarios import Size, scenarios
from bench.targets import judge
from bihak.storage.migrate import upgrade
from bihak.storage.mysql import open_mysql
from bihak.storage.sqlite import open_sqlite
from tests.redis_servers import Redis
from tests.servers import MariaDb

TINY = Size(
    pairs=3, room=4, storm=12, idle=4, few=4, crowd=8, talks=3, mixed_per_s=300, seconds=0.2, warmup_s=0.1, settle_s=0.1
)
SCENARIOS = {scenario.name: scenario for scenario in scenarios(TINY)}
TAKERS = [
    ("pairs-1", "Node"),
    ("idle", "Node"),
    ("storm", "Node"),
    ("storm", "SQLite"),
    ("room-1", "C"),
    ("room-16", "websockets"),
]


@pytest.fixture
def databases(tmp_path: Path, mariadb: MariaDb) -> Databases:
    return Databases(tmp_path, mariadb)


@pytest.mark.parametrize(("name", "taker"), TAKERS)
def test_each_contestant_takes_its_load_and_is_counted_without_a_fault(
    name: str, taker: str, databases: Databases
) -> None:
    result = runs.compare(replace(SCENARIOS[name], contestants=(taker,)), databases, 1, lambda _what: None)
    figures = result.figures[taker]
    assert (result.faults, result.absent) == ({}, {})
    assert figures.memory_mib > 0
    if name != "idle":
        assert min(figures.per_s, figures.server_us, figures.load_us) > 0
        assert 0 < figures.p50_ms <= figures.p95_ms <= figures.p99_ms
    assert (figures.questions > 0) == ((name, taker) == ("storm", "Node"))


def test_programs_go_ahead_of_others_for_a_while() -> None:
    first = os.SCHED_RR if cores.may_go_ahead() else os.SCHED_OTHER
    tells = "import os, threading; threading.Timer(0, lambda: print(os.sched_getscheduler(0), flush=True)).start()"
    command = [sys.executable, "-c", f"input(); {tells}; input(); {tells}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        with cores.ahead([program.pid]):
            print(file=program.stdin, flush=True)
            assert int(program.stdout.readline()) == first
            started = subprocess.run([sys.executable, "-c", tells], stdout=subprocess.PIPE, check=True)
            assert int(started.stdout) == first
        print(file=program.stdin, flush=True)
        assert int(program.stdout.readline()) == os.SCHED_OTHER
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_programs_that_keep_to_some_of_their_cores_are_left_there() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as program:
        cores.pin(program.pid, cores.SECOND)
        cores.confine(program.pid, cores.FIRST | cores.SECOND)
        assert os.sched_getaffinity(program.pid) == cores.SECOND
        cores.confine(program.pid, cores.FIRST)
        assert os.sched_getaffinity(program.pid) == cores.FIRST


def test_one_server_takes_every_load_and_has_stored_what_was_sent(databases: Databases) -> None:
    """Each visit brings people of its own, so that one server does for all."""
    seed = SCENARIOS["pairs-8"].seed
    with contestants.running("SQLite", seed, databases) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        for name in ("rate", "room-16", "storm", "mixed"):
            scenario = SCENARIOS[name]
            result = visit.measure(scenario, url, None)
            assert result.faults == {}, name
            assert next(iter(result.figures.values())).per_s > 0, name
        outcome = load.run(server.port, SCENARIOS["pairs-8"].load)
        where = server.database_url.removeprefix("sqlite:///")
        with sqlite3.connect(where) as connection:
            stored = "SELECT COUNT(*) FROM messages WHERE conversation_id <= ?"
            assert connection.execute(stored, (TINY.pairs,)).fetchone() == (outcome.sent,)


@pytest.mark.parametrize(("name", "talked_in"), [("growth-few", 10), ("growth-beside", 10), ("growth-many", 30)])
def test_in_growth_it_is_talked_in_ten_conversations_or_in_all(databases: Databases, name: str, talked_in: int) -> None:
    scenario = SCENARIOS[name]
    with contestants.running("SQLite", scenario.seed, databases) as server:
        outcome = load.run(server.port, {**scenario.load, "seconds": 0.5})
        with sqlite3.connect(server.database_url.removeprefix("sqlite:///")) as connection:
            stored = "SELECT COUNT(*), COUNT(DISTINCT conversation_id) FROM messages"
            assert connection.execute(stored).fetchone() == (outcome.sent, talked_in)


@pytest.mark.parametrize("kind", ["SQLite", "MariaDB"])
def test_the_costs_of_the_writer_are_measured_on_each_database(
    tmp_path: Path, mariadb: MariaDb, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(writer, "BATCHES", {1: 3, 8: 2})
    monkeypatch.setattr(writer, "ROUNDS", 2)
    if kind == "SQLite":
        database = open_sqlite(tmp_path / "writer.db")
    else:
        database = open_mysql(sa.make_url(mariadb.url(mariadb.create_database())), accept_unsafe=False)
    writer.prepare(database)
    costs = writer.compare(database, None)
    assert all(cost.python_us > 0 for pair in costs.values() for cost in pair)
    with database.reader_engine.connect() as connection:
        count, conversations, heads = connection.execute(
            sa.text(
                "SELECT COUNT(*), COUNT(DISTINCT conversation_id), (SELECT SUM(last_seq) FROM conversations) "
                "FROM messages"
            )
        ).one()
    assert (count, conversations) == (2 * 2 * (4 + 3 * 8), 2 * 8)
    assert heads == count
    database.close()


def test_what_a_cluster_costs_is_measured_and_goes_into_the_model(
    tmp_path: Path, mariadb: MariaDb, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "BURSTS", {1: 100, 20: 20})
    monkeypatch.setattr(cluster, "CHANGED", 500)
    database = open_mysql(sa.make_url(mariadb.url(mariadb.create_database())), accept_unsafe=False)
    upgrade(database)
    sweep = cluster.sweep_cost(database, mariadb.pid)
    database.close()
    publishing = cluster.publishing_costs(redis_server.url, redis_server.pid)
    assert set(publishing) == {1, 20}
    assert min(*sweep, *(cost for found in publishing.values() for cost in found.sent)) > 0
    results = Results("cluster", tmp_path)
    results.put("cluster", cluster.as_json(publishing, sweep))
    results.save()
    constants = Constants.measured(Results("cluster", tmp_path).scenarios)
    assert constants.publish_us == publishing[1].sent.python_us
    assert constants.busy_redis_hear_us == publishing[20].heard.server_us
    assert (constants.sweep_us, constants.sweep_store_us) == sweep


async def test_a_lost_delivery_is_told() -> None:
    everybody: list[ServerConnection] = []

    async def forget_one(socket: ServerConnection) -> None:
        async for frame in socket:
            request = json.loads(frame)
            if request["type"] == "auth":
                everybody.append(socket)
                await socket.send('{"type":"auth_success","conversations":[1]}')
                continue
            is_first = " 0 " in request["content"]
            for other in everybody[is_first:]:
                await other.send(json.dumps({"type": "new_message", "content": request["content"]}))
            await socket.send(json.dumps({"type": "message_sent", "temp_id": request["temp_id"]}))

    async with serve(forget_one, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        options = {**SCENARIOS["room-1"].load, "window": 2, "patience": 0.1}
        outcome = await asyncio.to_thread(load.run, port, options)
    assert outcome.fault == f"{4 * outcome.sent - 1} deliveries instead of {4 * outcome.sent}"


async def test_a_refusal_is_told_with_the_words_of_the_server() -> None:
    async def refuse(socket: ServerConnection) -> None:
        async for _ in socket:
            await socket.send('{"type":"error","message":"Not today."}')

    async with serve(refuse, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with pytest.raises(load.LoadFailed, match=r"Not today\."):
            await asyncio.to_thread(load.run, port, SCENARIOS["room-1"].load)


def test_results_become_tables_plots_and_the_page(tmp_path: Path) -> None:
    results = Results("made-up", tmp_path)
    results.machine = "Two cores"
    costs = dict.fromkeys(runs.Figures.__dataclass_fields__, 2.0)
    for name, scenario in SCENARIOS.items():
        found = {
            who: runs.Figures(**{**costs, "per_s": 16.0 if who == "MariaDB" else 2.0}) for who in scenario.contestants
        }
        results.put(name, runs.Result(scenario, found, {}, {}, 1).as_json())
    results.save()
    again = Results("made-up", tmp_path)
    assert again.scenarios == results.scenarios
    verdicts = {row.target.work: (row.shown, row.verdict) for row in judge(again.scenarios)}
    assert verdicts["pairs, 100 x 8 in flight: acknowledged/s"] == ("8x", "aim")
    assert verdicts["pairs, 100 x 1: CPU of server and database a message"] == ("1x", "missed")
    assert verdicts["a page at 1,000,000 messages, over 1,000: time"] == ("", "not measured")
    plots.draw(again)
    drawn = [ElementTree.fromstring(path.read_text()).tag for path in tmp_path.glob("*.svg")]  # noqa: S314 - our own
    assert drawn == ["{http://www.w3.org/2000/svg}svg"] * len(SCENARIOS)
    copy = tmp_path / "performance.md"
    copy.write_text(page.PAGE.read_text())
    page.fill(again, copy)
    assert "Two cores." in copy.read_text()
    assert "| pairs, 100 x 8 in flight: acknowledged/s | 5x | 7x | 8x | aim |" in copy.read_text()
    console = Console(width=200)
    with console.capture() as printed:
        console.print(*(tables.scenario_table(name, shown) for name, shown in again.scenarios.items()))
        console.print(tables.target_table(judge(again.scenarios)))
    assert all(shown["what"] in printed.get() for shown in again.scenarios.values())


def test_the_model_takes_what_was_measured_and_says_where_no_number_of_nodes_is_enough() -> None:
    figures = dict.fromkeys(("server_us", "database_us", "load_us", "memory_kib"), 100.0)
    constants = Constants.measured({"rate": {"figures": {"MariaDB": figures}}})
    assert constants.store_us == 100
    assert constants.resume_us == Constants().resume_us
    small, large = Scale(10_000, constants=constants), Scale(1_000_000, constants=constants)
    assert small.nodes == 1
    assert small.redises == 0
    assert large.nodes == 8  # 120,000 connections of 15,000 each
    assert large.redises == 1
    assert Scale(100_000_000).nodes == 0  # each would spend 0.42 of a core on sweeps alone
    assert Scale(100_000_000, constants=Constants(sweep_us=0.05)).nodes >= 800
    assert Scale(100_000_000, is_built=False).nodes == 800
    # Without any cost of being two, two cores do twice the work of one.
    free = replace(constants, busy_publish_us=0, busy_hear_us=0, busy_redis_us=0, busy_redis_hear_us=0)
    assert predicted_gain(free) == 2
    workers = {"one worker": {**figures, "per_s": 10.0}, "two workers": {**figures, "per_s": 15.0}}
    assert measured_gain({"workers": {"figures": workers}}) == (1.5, 2.0)
