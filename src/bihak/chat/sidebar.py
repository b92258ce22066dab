"""The list of conversations."""

from rich.cells import cell_len
from rich.text import Text
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from bihak.chat.clean import clean_line
from bihak.chat.paint import ACCENT, BLUE, DIM, DOTS, name_style
from bihak.chat.state import State
from bihak.client import Conversation


class Sidebar(OptionList):
    """One conversation takes two lines: whom with and what is unread; what was said last."""

    def __init__(self) -> None:
        super().__init__(id="sidebar", markup=False)
        self._shown: list[tuple[int, Text]] = []

    def show(self, state: State, open_id: int | None) -> None:
        width = max(10, self.size.width - 1)
        rows = [
            (each.conversation_id, _row(state, each, width, each.conversation_id == open_id))
            for each in state.conversations
        ]
        if rows != self._shown:
            self._shown = rows
            at = self.highlighted
            self.set_options([Option(row, id=str(conversation_id)) for conversation_id, row in rows])
            self.highlighted = at
        if not self.has_focus:
            self.highlighted = next((at for at, (each, _) in enumerate(rows) if each == open_id), None)


def _row(state: State, conversation: Conversation, width: int, is_open: bool) -> Text:
    unread = f" {conversation.unread} " if conversation.unread and not is_open else ""
    title = Text(clean_line(state.title_of(conversation)), style="bold" if unread else "")
    others = state.others_in(conversation)
    if conversation.conversation_type == "direct" and others:
        dot, colour = DOTS[state.people.status_of(others[0].user_id)]
        title = Text.assemble((f"{dot} ", colour), title)
    else:
        title = Text.assemble(("# ", DIM), title)
    title.truncate(width - cell_len(unread) - 1, overflow="ellipsis", pad=True)
    title.append(" ")
    title.append(unread, f"bold #ffffff on {BLUE}")
    preview = _preview(state, conversation)
    preview.truncate(width - 2, overflow="ellipsis")
    return Text.assemble(title, "\n  ", preview, no_wrap=True)


def _preview(state: State, conversation: Conversation) -> Text:
    writing = state.people.writing_in(conversation.conversation_id)
    if writing:
        return Text("writing…", style=ACCENT)
    last = conversation.last_message
    if last is None:
        return Text("nothing said yet", style=DIM)
    said = clean_line(last.content) if last.deleted_at is None else "deleted"
    if last.sender == state.my_id:
        return Text.assemble(("You: ", DIM), (said, DIM))
    if conversation.conversation_type == "direct":
        return Text(said, style=DIM)
    first_name = clean_line(state.people.name_of(last.sender)).split(" ")[0]
    return Text.assemble((f"{first_name}: ", name_style(last.sender)), (said, DIM))
