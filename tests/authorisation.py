"""Who may do what: one row for each command of clients. A command without a row fails the tests."""

from enum import Enum
from typing import NamedTuple


class About(Enum):
    """What a command names, which whoever is not in the conversation must not find out about."""

    CONVERSATION = "conversation"
    MESSAGE = "message"
    NOTHING = "nothing"
    """Nothing but what is one's own, or everybody's."""


EVERYONE = frozenset({"owner", "admin", "author", "member"})
"""Those who are in the conversation; `author` wrote the message that is asked about."""
LEADERS = frozenset({"owner", "admin"})


class Row(NamedTuple):
    about: About
    may: frozenset[str] = EVERYONE
    """The others in the conversation get `forbidden`."""


OUTSIDERS = ("former", "never", "namesake")
"""`namesake` has the id of the owner, and another type."""

ROLES = {
    **{"owner": "user_1", "admin": "admin_1", "author": "user_2", "member": "mentor_5"},
    **{"former": "user_6", "never": "user_7", "namesake": "mentor_1"},
}
BYSTANDER = "user_8"
"""Somebody in the conversation, for what is done to others."""

_C, _M, _N = About.CONVERSATION, About.MESSAGE, About.NOTHING
MATRIX = {
    "message": Row(_C),
    "typing_start": Row(_C),
    "typing_stop": Row(_C),
    "subscribe_conversation": Row(_C),
    "history": Row(_C),
    "pins": Row(_C),
    "get_conversation": Row(_C),
    "mark_read": Row(_C),
    "search": Row(_C),
    "rename_conversation": Row(_C, LEADERS),
    "add_participants": Row(_C, LEADERS),
    "remove_participant": Row(_C, LEADERS),
    "receipts": Row(_M),
    "add_reaction": Row(_M),
    "remove_reaction": Row(_M),
    "pin_message": Row(_M),
    "unpin_message": Row(_M),
    "edit_message": Row(_M, frozenset({"author"})),
    "delete_message": Row(_M, frozenset({"author", "admin"})),
    "ping": Row(_N),
    "auth": Row(_N),
    "conversations": Row(_N),
    "create_conversation": Row(_N),
    "participants": Row(_N),
    "get_status": Row(_N),
    "get_one_status": Row(_N),
    "set_status": Row(_N),
    "unread": Row(_N),
    "settings": Row(_N),
    "update_settings": Row(_N),
    "notifications": Row(_N),
    "mark_notifications_read": Row(_N),
    "leave_conversation": Row(_C),
}
"""In the order in which they are tried: what ends something comes last."""
FOR_ANYBODY = frozenset({"ping", "auth"})
SILENT = frozenset({"typing_start", "typing_stop"})
MISSING = 2**53 - 1


def expected(name: str, role: str) -> str:
    """`ok` or the code of the error."""
    row = MATRIX[name]
    if role == "anonymous":
        return "ok" if name in FOR_ANYBODY else "not_authenticated"
    if role in OUTSIDERS:
        return "ok" if row.about is About.NOTHING else "not_found"
    return "ok" if role in row.may else "forbidden"
