"""The lines around the messages: who is here, what may be done, and how the connection is."""

from rich.cells import cell_len
from rich.text import Text

from bihak.chat.clean import clean_line
from bihak.chat.completion import Completing
from bihak.chat.paint import ACCENT, DIM, DOTS
from bihak.chat.state import State
from bihak.chat.when import ago, moment_of, now
from bihak.client import Conversation, StateChanged
from bihak.client import State as Connection

GOOD, WAITS, BAD = "#a6da95", "#eed49f", "#ed8796"
KEYS = "F1 help  Ctrl+D leave"


def heading(state: State, here: Conversation) -> Text:
    """What the open conversation is called, and who of it is there."""
    title = Text(clean_line(state.title_of(here)), style="bold")
    others = state.others_in(here)
    if here.conversation_type == "direct" and others:
        user_id = others[0].user_id
        status, seen = state.people.status_of(user_id), state.people.last_seen(user_id)
        dot, colour = DOTS[status]
        since = f", seen {ago(moment_of(seen), now())}" if seen and status == "offline" else ""
        return Text.assemble(title, "  ", (dot, colour), (f" {status}{since}", DIM))
    here_now = sum(state.people.status_of(each.user_id) != "offline" for each in others)
    return Text.assemble(title, (f"  {len(here.participants)} people, {here_now + 1} here", DIM))


def heading_of_none(state: State, *, has_left: bool) -> Text:
    """Where no conversation is open, or no longer."""
    if not state.conversations:
        return Text("No conversation yet: /new NAME begins one", style=DIM)
    words = "You are no longer in this conversation; Ctrl+N goes to the next" if has_left else ""
    return Text(words, style=DIM)


def answering(who: str, what: str) -> Text:
    return Text(f"↩ to {clean_line(who)}: {clean_line(what)}  (Esc: not)", style=ACCENT)


def rewriting() -> Text:
    return Text("Changing what you wrote; Enter saves, Esc leaves it", style=ACCENT)


def chosen() -> Text:
    return Text("/reply  /react 👍  /edit  /delete  /pin  (Esc: let go)", style=ACCENT)


def candidates(completing: Completing) -> Text:
    text = Text(no_wrap=True)
    for at, candidate in enumerate(completing.candidates):
        text.append(candidate.strip(), "reverse" if at == completing.at else DIM)
        text.append("  ")
    return text


def writing(state: State, conversation_id: int | None, *, at_end: bool) -> Text:
    """Who is writing, or where the latest messages are."""
    if conversation_id is None:
        return Text()
    names = [clean_line(state.people.name_of(each)) for each in state.people.writing_in(conversation_id)]
    if not names:
        return Text("" if at_end else "↓ Ctrl+End: the latest messages", style=DIM)
    verb = "is" if len(names) == 1 else "are"
    who = " and ".join(names) if len(names) < 3 else f"{len(names)} people"
    return Text(f"{who} {verb} typing…", style="italic #8b93a7")


def status(change: StateChanged, my_name: str, width: int) -> Text:
    words, style = _connection(change, my_name)
    left = Text(words, style=style)
    left.truncate(max(0, width - cell_len(KEYS) - 4), overflow="ellipsis")
    gap = width - 2 - left.cell_len - cell_len(KEYS)
    return Text.assemble(left, " " * max(1, gap), (KEYS, DIM))


def _connection(change: StateChanged, my_name: str) -> tuple[str, str]:
    match change.state:
        case Connection.READY:
            return f"● {clean_line(my_name)}", GOOD
        case Connection.WAITING:
            return "○ No connection, trying again; what you write waits", WAITS
        case Connection.CONNECTING:
            return "○ Connecting…", WAITS
        case _:
            return "○ Signed out", BAD
