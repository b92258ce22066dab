"""Floods against a running server, small enough for every run; `make flood` has them in full size."""

import asyncio
import contextlib
import resource
from collections.abc import Iterator

import pytest

from tests.e2e.client import Client
from tests.e2e.raw import connected, handshake
from tests.e2e.server import ServerProcess
from tests.e2e.status import open_files
from tests.floods.bystanders import talking
from tests.floods.floods import FLOODS, SMALL, make_room
from tests.floods.server import flooded_server

SPARE = 4


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with flooded_server(tmp_path_factory.mktemp("floods")) as server:
        yield server


@pytest.mark.parametrize("flood", FLOODS)
async def test_a_flood_takes_no_more_than_its_share_and_leaves_nothing_behind(
    server: ServerProcess, flood: str
) -> None:
    """Others go on talking; memory stays within a cap for each connection; tasks and files come back."""
    room = await make_room(server)
    async with talking(server, room.one, room.other, room.conversation_id) as account:
        await FLOODS[flood].run(server, SMALL)
    account.check(FLOODS[flood].cap_bytes(SMALL))


async def test_without_file_descriptors_nobody_comes_in_and_those_inside_go_on(server: ServerProcess) -> None:
    """Later everybody comes in again. Nobody is logged for each connection that waits."""
    room = await make_room(server)
    inside = await Client.connect(server.ws_url)
    await inside.auth(room.one)
    before, lines = open_files(server), len(server.log_lines())
    usual = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (before + SPARE, usual[1]))
    try:
        async with contextlib.AsyncExitStack() as stack:
            waiting = [await stack.enter_async_context(connected(server)) for _ in range(5 * SPARE)]
            for socket in waiting:
                await socket.send(handshake(server))
            while open_files(server) < before + SPARE:
                await asyncio.sleep(0.01)
            for _ in range(20):
                await inside.ask("message_sent", type="message", conversation_id=room.conversation_id, content="x")
            assert open_files(server) <= before + SPARE
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, usual)
    while True:  # those who waited in the listener's queue are let in, and gone, first
        with contextlib.suppress(OSError):
            outside = await Client.connect(server.ws_url)
            break
    await outside.auth(room.other)
    await inside.send(type="message", conversation_id=room.conversation_id, content="welcome")
    await outside.hear("new_message", content="welcome")
    await inside.close()
    await outside.close()
    assert len(server.log_lines()) - lines < 200
