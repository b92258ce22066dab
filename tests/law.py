"""The law of delivery: a state fetched, plus the events that came since, is the state fetched afresh.

The fold below is a client's own, written from the protocol's page and from nothing in the server.
"""

import copy
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from tests.harness import Device, Frame

State = dict[int, dict[str, Any]]
"""What somebody's client shows: each of their conversations, with all its messages in it."""

FLEETING = {"user_typing", "status_change", "notification", "notifications_read"}
"""Events that leave nothing behind which has to be so after a fetch."""

PRESENCE = {"status", "last_seen_at"}
"""What a conversation object says of its participants that is not in any log."""


async def fetch(device: Device) -> State:
    """Everything that is to be seen, read through replies alone."""
    state: State = {}
    before: dict[str, Any] = {}
    while True:
        page = await device.do("conversations", limit=3, **before)
        for conversation in page["conversations"]:
            state[conversation["conversation_id"]] = _shown(conversation)
        if not page["has_more"]:
            break
        before = {"before": page["conversations"][-1]["conversation_id"]}
    for cid, shown in state.items():
        before = {}
        while True:
            page = await device.do("history", conversation_id=cid, limit=3, **before)
            shown["messages"] = {m["message_id"]: _message(m) for m in page["messages"]} | shown["messages"]
            if not page["has_more"]:
                break
            before = {"before": page["messages"][0]["message_id"]}
    return state


def fold(state: State, events: Sequence[Frame], me: str) -> State:
    """The state after these events. Fails if they do not follow on from it, one by one."""
    state = copy.deepcopy(state)
    for event in events:
        kind = event["type"]
        if kind in FLEETING:
            continue
        cid = event["conversation_id"]
        if kind == "conversation_created":
            state[cid] = _shown(event["conversation"])
            continue
        shown = state[cid]
        if kind == "message_read":
            shown["participants"][event["user_id"]]["last_read_message_id"] = event["message_id"]
            if event["user_id"] == me:
                shown["last_read_message_id"] = event["message_id"]
            continue
        assert event["seq"] == shown["last_seq"] + 1, f"{me} has seq {shown['last_seq']} of {cid} and hears {event}"
        shown["last_seq"] = event["seq"]
        if kind == "participant_left" and event["user_id"] == me:
            del state[cid]
        else:
            _FOLDS[kind](shown, event)
    for shown in state.values():
        _derive(shown, me)
    return state


async def check(devices: Sequence[Device], act: Callable[[], Awaitable[object]]) -> None:
    """Fails unless each of these devices, told of nothing but events, ends where a fetch would put it."""
    before = []
    for device in devices:
        before.append(await fetch(device))
        await device.settle()
    await act()
    for device, state in zip(devices, before, strict=True):
        events = [frame for frame in await device.settle() if "request_id" not in frame]
        folded, fetched = fold(state, events, device.user_id), await fetch(device)
        wrong = list(differences(folded, fetched))
        assert not wrong, f"{device.user_id}, told of {[e['type'] for e in events]}: " + "; ".join(wrong)


def differences(folded: object, fetched: object, at: str = "") -> Iterator[str]:
    """Where the two differ, in words."""
    if isinstance(folded, dict) and isinstance(fetched, dict):
        for key in folded.keys() | fetched.keys():
            yield from differences(folded.get(key, "nothing"), fetched.get(key, "nothing"), f"{at}.{key}")
    elif folded != fetched:
        yield f"{at}: the events make it {folded!r}, a fetch {fetched!r}"


def _shown(conversation: dict[str, Any]) -> dict[str, Any]:
    """A conversation object, and room for its messages. Presence is not in the log, so it is left out."""
    shown = copy.deepcopy(conversation)
    if shown["last_message"] is not None:
        shown["last_message"] = _message(shown["last_message"])
    shown["participants"] = {
        who["user_id"]: {name: value for name, value in who.items() if name not in PRESENCE}
        for who in shown["participants"]
    }
    shown["messages"] = {}
    return shown


def _message(message: dict[str, Any]) -> dict[str, Any]:
    """A message object, with its reactions where order does not count."""
    reactions = {each["emoji"]: sorted(each["user_ids"]) for each in message["reactions"]}
    return {**message, "reactions": reactions, "mentions": sorted(message["mentions"])}


def _derive(shown: dict[str, Any], me: str) -> None:
    """What a client works out: the last message, and how many are unread."""
    messages = list(shown["messages"].values())
    shown["last_message"] = messages[-1] if messages else None
    read = shown["messages"].get(shown["last_read_message_id"], {"seq": 0})["seq"]
    shown["unread"] = sum(
        1
        for message in messages
        if message["seq"] > read
        and message["deleted_at"] is None
        and f"{message['sender_type']}_{message['sender_id']}" != me
    )


def _new_message(shown: dict[str, Any], event: Frame) -> None:
    fields = (
        "message_id",
        "conversation_id",
        "sender_type",
        "sender_id",
        "sender_name",
        "content",
        "created_at",
        "seq",
    )
    shown["messages"][event["message_id"]] = {
        **{name: event[name] for name in fields},
        "reply_to_id": event.get("reply_to_id"),
        "idempotency_key": event.get("idempotency_key"),
        "edited_at": None,
        "deleted_at": None,
        "reactions": {},
        "mentions": sorted(event.get("mentions", [])),
        "pinned": False,
    }


def _edited(shown: dict[str, Any], event: Frame) -> None:
    message = shown["messages"].get(event["message_id"])
    if message is not None:
        message |= {"content": event["content"], "edited_at": event["edited_at"]}
        message["mentions"] = sorted(event.get("mentions", []))


def _deleted(shown: dict[str, Any], event: Frame) -> None:
    message = shown["messages"].get(event["message_id"])
    if message is not None:
        message |= {"content": "", "deleted_at": event["deleted_at"], "reactions": {}, "mentions": [], "pinned": False}


def _reacted(shown: dict[str, Any], event: Frame) -> None:
    message = shown["messages"].get(event["message_id"])
    if message is not None:
        users = set(message["reactions"].pop(event["emoji"], []))
        users = users | {event["user_id"]} if event["type"] == "reaction_added" else users - {event["user_id"]}
        if users:
            message["reactions"][event["emoji"]] = sorted(users)


def _pinned(shown: dict[str, Any], event: Frame) -> None:
    message = shown["messages"].get(event["message_id"])
    if message is not None:
        message["pinned"] = event["type"] == "message_pinned"


def _renamed(shown: dict[str, Any], event: Frame) -> None:
    shown["name"] = event["name"]


def _joined(shown: dict[str, Any], event: Frame) -> None:
    fields = ("user_id", "participant_type", "participant_id", "name", "avatar_url", "role")
    shown["participants"][event["user_id"]] = {
        **{name: event[name] for name in fields},
        "last_read_message_id": None,
    }


def _left(shown: dict[str, Any], event: Frame) -> None:
    del shown["participants"][event["user_id"]]


_FOLDS: dict[str, Callable[[dict[str, Any], Frame], None]] = {
    "new_message": _new_message,
    "message_edited": _edited,
    "message_deleted": _deleted,
    "reaction_added": _reacted,
    "reaction_removed": _reacted,
    "message_pinned": _pinned,
    "message_unpinned": _pinned,
    "conversation_renamed": _renamed,
    "participant_joined": _joined,
    "participant_left": _left,
}
