"""Nobody is told that a message is stored before the disk has it: the system calls themselves are watched."""

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio

from tests.e2e.client import Client
from tests.faults.process import Bihak
from tests.servers import require_program

CALLS = "fsync,fdatasync,pwrite64,write,sendto,sendmsg,writev"
SENDS = 20


class Step(NamedTuple):
    """A system call that has ended."""

    call: str
    arguments: str


_LINE = re.compile(r"(\d+) +(.*)")
_WHOLE = re.compile(r"(\w+)\((.*)\) += +\d+")
_BEGINNING = re.compile(r"(\w+)\((.*)<unfinished \.\.\.>")
_END = re.compile(r"<\.\.\. (\w+) resumed>.*\) += +\d+")


def steps(lines: Iterable[str]) -> Iterator[Step]:
    """What strace tells, in the order in which the calls ended; a call that failed did nothing."""
    begun: dict[str, str] = {}
    for line in lines:
        match = _LINE.match(line)
        if match is None:
            continue
        thread, text = match.groups()
        if whole := _WHOLE.match(text):
            yield Step(whole[1], whole[2])
        elif beginning := _BEGINNING.match(text):
            begun[thread] = beginning[2]
        elif end := _END.match(text):
            yield Step(end[1], begun.pop(thread, ""))


def early_replies(found: Iterable[Step]) -> list[int]:
    """Which of the replies `message_sent`, counted from 0, went out before what they tell of was on the disk."""
    early, count, written, synced = [], 0, False, False
    for step in found:
        if "-wal>" in step.arguments.partition(",")[0]:
            if step.call == "pwrite64":
                written, synced = True, False
            elif step.call in ("fsync", "fdatasync"):
                synced = written
        elif r"\"message_sent\"" in step.arguments:
            if not synced:
                early.append(count)
            count, written, synced = count + 1, False, False
    assert count == SENDS, f"{count} replies were seen"
    return early


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[Bihak]:
    trace = [require_program("strace", "strace"), "-D", "-f", "-y", "-s", "2000", "-e", f"trace={CALLS}"]
    made = Bihak(
        tmp_path, f"sqlite:///{tmp_path / 'bihak.db'}", "--demo", wrapper=[*trace, "-o", str(tmp_path / "trace")]
    )
    await made.start()
    yield made
    made.kill()


async def test_the_log_is_on_the_disk_before_the_reply(server: Bihak, tmp_path: Path) -> None:
    client = await Client.connect(server.ws_url)
    await client.auth("user_1")
    for number in range(SENDS):
        await client.send(type="message", conversation_id=1, content="durable", temp_id=number)
        await client.hear("message_sent", temp_id=number)
    await client.close()
    assert await server.stop() == 0
    lines = (tmp_path / "trace").read_text(errors="replace").splitlines()
    assert early_replies(steps(lines)) == []


WRITTEN = '7 pwrite64(8</x/bihak.db-wal>, "..."..., 4096, 0) = 4096'
SYNCED = "7 fdatasync(8</x/bihak.db-wal>) = 0"
TOLD = r'6 write(9<socket:[1]>, "..{\"type\":\"message_sent\"}", 30) = 30'


@pytest.mark.parametrize(
    "lines",
    [
        [WRITTEN, TOLD],
        [WRITTEN, TOLD, SYNCED],
        [SYNCED, WRITTEN, TOLD],
        ["7 fdatasync(8</x/bihak.db-wal> <unfinished ...>", WRITTEN, TOLD, "7 <... fdatasync resumed>) = 0"],
        [WRITTEN, "7 fdatasync(8</x/bihak.db-wal> <unfinished ...>", TOLD, "7 <... fdatasync resumed>) = 0"],
        [WRITTEN, "7 fdatasync(8</x/bihak.db-wal>) = -1 EIO (Input/output error)", TOLD],
        [WRITTEN, "7 fdatasync(7</x/bihak.db>) = 0", TOLD],
    ],
)
def test_a_reply_that_comes_too_early_is_noticed(lines: list[str]) -> None:
    assert early_replies(steps(lines * SENDS))


def test_a_reply_after_the_disk_has_it_is_right() -> None:
    assert early_replies(steps([WRITTEN, SYNCED, TOLD] * SENDS)) == []
