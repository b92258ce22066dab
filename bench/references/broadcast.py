"""The Python reference: one room on the `websockets` package, with its own broadcast(); nothing is stored."""

import asyncio
import json
import signal
from datetime import UTC, datetime

from websockets.asyncio.server import ServerConnection, broadcast, serve

everybody: set[ServerConnection] = set()


async def talk(socket: ServerConnection) -> None:
    try:
        async for frame in socket:
            request = json.loads(frame)
            if request["type"] == "auth":
                everybody.add(socket)
                await socket.send('{"type":"auth_success","user_id":"","conversations":[1]}')
            elif request["type"] == "message":
                broadcast(everybody, _new_message(request))
                await socket.send(json.dumps({"type": "message_sent", "temp_id": request["temp_id"]}))
    finally:
        everybody.discard(socket)


def _new_message(request: dict[str, object]) -> str:
    return json.dumps(
        {
            "type": "new_message",
            "message_id": 1,
            "conversation_id": 1,
            "sender_type": "user",
            "sender_id": 1,
            "sender_name": "User 1",
            "content": request["content"],
            "created_at": datetime.now(UTC).isoformat(),
            "seq": 1,
        }
    )


async def main() -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    async with serve(talk, "127.0.0.1", 0, compression=None, ping_interval=None, backlog=4096) as server:
        print(f"listening {next(iter(server.sockets)).getsockname()[1]}", flush=True)
        await stopping.wait()


asyncio.run(main())
