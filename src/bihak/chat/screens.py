"""What is shown over the chat: help, and lists to choose from."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Label, OptionList, Static
from textual.widgets.option_list import Option

from bihak.chat.commands import COMMANDS
from bihak.chat.paint import ACCENT, DIM

KEYS = (
    ("Enter", "send; Ctrl+J begins a new line"),
    ("Tab", "complete a command or a name"),
    ("Up, Down", "choose a message, while nothing is written"),
    ("PgUp, PgDn", "scroll; the mouse wheel does too"),
    ("Ctrl+End", "back to the latest message"),
    ("Ctrl+N, Ctrl+P", "next and previous conversation"),
    ("Ctrl+F", "find messages"),
    ("F2", "to the list of conversations, and back"),
    ("Esc", "let go of a choice, a reply, an edit"),
    ("Ctrl+C, Ctrl+D", "leave"),
)


class HelpScreen(ModalScreen[None]):
    """Keys and commands."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q,enter", "dismiss", "Close")]

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet"):
            yield Label("Help", classes="title")
            with VerticalScroll():
                yield Static(_help_text())
            yield Label("Esc closes", classes="foot")


def _help_text() -> Text:
    text = Text()
    for key, about in KEYS:
        text.append(f"{key:<17}", ACCENT)
        text.append(f"{about}\n")
    text.append("\n")
    for command in COMMANDS:
        text.append(f"/{command.name} ", ACCENT)
        text.append(f"{command.takes}\n" if command.takes else "\n", DIM)
        text.append(f"    {command.about}\n")
    text.append("\nThe chosen message is the one you went to with the arrow keys, or clicked on.\n", DIM)
    return text


class ChoiceScreen(ModalScreen[str | None]):
    """A list; gives the id of what was chosen, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Close")]

    def __init__(self, title: str, choices: list[tuple[str, Text]], foot: str) -> None:
        super().__init__()
        self._title = title
        self._choices = choices
        self._foot = foot

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet"):
            yield Label(self._title, classes="title", markup=False)
            yield OptionList(*[Option(text, id=key) for key, text in self._choices], markup=False)
            yield Label(self._foot, classes="foot", markup=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)
