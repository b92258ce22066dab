"""A bot that greets whoever begins to talk with it, and repeats what they say.

    python greeter.py ws://localhost:8080 user_9

It may be killed and started again at any time: what was said in its conversations meanwhile is answered then, once.
"""

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path

from bihak.client import Client, ConversationCreated, NewMessage

PLACES = Path("greeter.json")
"""How far it has come in each conversation."""


def load_places() -> dict[int, int]:
    if not PLACES.exists():
        return {}
    return {int(conversation_id): seq for conversation_id, seq in json.loads(PLACES.read_text()).items()}


def save_places(places: dict[int, int]) -> None:
    half_written = PLACES.with_suffix(".new")
    half_written.write_text(json.dumps(places))
    half_written.replace(PLACES)


async def main(url: str, bot: str) -> None:
    places = load_places()
    # On another machine, where a server wants a token: Client(url, token=...), a text or an async function.
    async with Client(url, participant=bot, outbox="greeter-outbox.db", resume=places) as client:
        print(f"{client.me.name} is here", flush=True)
        async for event in client:
            # Keys made of what is answered: should we die before we have noted it, we say it again, to no effect.
            if isinstance(event, ConversationCreated):
                greeting = "Hello! I say back what you say."
                client.send(event.conversation_id, greeting, key=f"greeting-{event.conversation_id}")
            elif isinstance(event, NewMessage) and event.sender != bot:
                echo = f"{event.sender_name} said: {event.content}"
                client.send(event.conversation_id, echo, key=f"echo-to-{event.message_id}")
            if isinstance(event, ConversationCreated | NewMessage):
                places[event.conversation_id] = event.seq
                save_places(places)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(*sys.argv[1:]))
