"""`python -m tests.floods`: every flood in full size, and what it did to the others."""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.floods.bystanders import talking
from tests.floods.floods import FLOODS, FULL, SMALL, make_room
from tests.floods.server import flooded_server


async def main() -> int:
    """The exit status: 1 if one of them took more than its share."""
    parser = argparse.ArgumentParser(prog="python -m tests.floods", description=__doc__)
    parser.add_argument("--small", action="store_true", help="in the size of the tests")
    parser.add_argument("--only", choices=sorted(FLOODS), help="one of them")
    asked = parser.parse_args()
    failed = 0
    for name in [asked.only] if asked.only else FLOODS:
        with tempfile.TemporaryDirectory() as folder, flooded_server(Path(folder)) as server:
            started = time.monotonic()
            room = await make_room(server)
            try:
                async with talking(server, room.one, room.other, room.conversation_id) as account:
                    await FLOODS[name].run(server, SMALL if asked.small else FULL)
                account.check(FLOODS[name].cap_bytes(SMALL if asked.small else FULL))
                verdict = "ok"
            except Exception as fault:
                failed, verdict = 1, f"FAILED: {fault!r}"
            print(f"{name:<24}{time.monotonic() - started:7.1f} s  {account}  {verdict}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
