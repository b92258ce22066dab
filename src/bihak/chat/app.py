"""The chat on the screen of a terminal."""

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import AppBlur, AppFocus, Resize
from textual.widgets import OptionList, Static

from bihak.chat import lines
from bihak.chat.blocks import BlockMaker
from bihak.chat.clean import clean_line
from bihak.chat.commands import parse
from bihak.chat.completion import Completing
from bihak.chat.composer import Composer
from bihak.chat.desk import Answering, Desk, Rewriting
from bihak.chat.orders import Orders
from bihak.chat.paint import PROBLEM
from bihak.chat.screens import HelpScreen
from bihak.chat.sidebar import Sidebar
from bihak.chat.store import Store
from bihak.chat.transcript import Transcript
from bihak.chat.when import now
from bihak.client import Client, Conversation, Fault, State

NARROW_BELOW = 64
WIDE_FROM = 120
REDRAWN_AFTER_S = 0.03
"""Many events come in one breath; the screen needs to follow only once."""


class ChatApp(App[None]):
    """`make_client` is called once there is an event loop; `start_with` is a conversation
    to open, or a `user_id` to write to.

    Its return code is 1 where the sign-in was refused; `fault` then says why.
    """

    CSS_PATH = "chat.tcss"
    ENABLE_COMMAND_PALETTE = False
    TITLE = "Bihak"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c,ctrl+q", "quit", priority=True),
        Binding("f1", "help"),
        Binding("f2", "toggle_list"),
        Binding("escape", "to_composer"),
        Binding("ctrl+f", "find", priority=True),
        Binding("ctrl+n,alt+down", "next(1)", priority=True),
        Binding("ctrl+p,alt+up", "next(-1)", priority=True),
    ]

    def __init__(self, make_client: Callable[[], Client], start_with: int | str | None = None) -> None:
        super().__init__()
        self.fault: Fault | None = None
        self._make_client = make_client
        self._start_with = start_with
        self._completing = Completing()
        self._redraw_due = False
        self._shown_id: int | None = None
        self._focused = True

    def compose(self) -> ComposeResult:
        with Horizontal(id="body"):
            yield Sidebar()
            with Vertical(id="pane"):
                yield Static(id="heading", markup=False)
                yield Transcript()
                yield Static(id="hint", markup=False)
                yield Composer()
        yield Static(id="status", markup=False)

    def on_mount(self) -> None:
        self._client = self._make_client()
        self.store = Store(self._client, changed=self._changed, troubled=self._troubled)
        self._desk = Desk(self, self.store, self._changed, self._redraw)
        self._orders = Orders(self.store, self._desk)
        self._client.start()
        self.query_one(Composer).focus()
        self.run_worker(self._talk())
        self.set_interval(1.0, self._changed)  # typing ends and moments pass by themselves

    def _troubled(self, words: str) -> None:
        self._desk.tell(words)

    async def _talk(self) -> None:
        try:
            await self.store.run()
        except Fault as fault:
            self.fault = fault
            self.exit(return_code=1)

    async def on_unmount(self) -> None:
        await self._client.close()

    # What is on the screen

    def _changed(self) -> None:
        if not self._redraw_due:
            self._redraw_due = True
            self.set_timer(REDRAWN_AFTER_S, self._redraw)

    def _redraw(self) -> None:
        self._redraw_due = False
        if not self.screen_stack or not self.query("#status"):
            return
        screen = self.screen_stack[0]
        self._open_one_at_first()
        screen.query_one(Sidebar).show(self.store.state, self.store.open_id)
        here = self.store.state.find(self.store.open_id)
        screen.query_one("#heading", Static).update(self._heading(here))
        self._show_messages(screen.query_one(Transcript), here)
        screen.query_one("#hint", Static).update(self._hint())
        connection = self._client.state
        my_name = self._client.me.name if connection.state is State.READY else ""
        screen.query_one("#status", Static).update(lines.status(connection, my_name, self.size.width))

    def _open_one_at_first(self) -> None:
        if not self.store.loaded or self.store.open_id is not None:
            return
        start_with, self._start_with = self._start_with, None
        if isinstance(start_with, str):
            self.run_worker(self._carry_out(f"/new {start_with}"))
        else:
            found = self.store.state.find(start_with)
            for conversation in [found] if found else self.store.state.conversations[:1]:
                self._desk.go_to(conversation.conversation_id)

    def _show_messages(self, transcript: Transcript, here: Conversation | None) -> None:
        if here is None:
            transcript.show([])
            return
        afresh = here.conversation_id != self._shown_id
        self._shown_id = here.conversation_id
        maker = BlockMaker(self.store.state, here.conversation_id, now().date(), self._desk.unread_after)
        transcript.show(maker.make(self._client.unsent(here.conversation_id)), afresh=afresh)
        self._attend()

    def _heading(self, here: Conversation | None) -> Text:
        if here is not None:
            return lines.heading(self.store.state, here)
        if not self.store.loaded:
            return Text()
        return lines.heading_of_none(self.store.state, has_left=self.store.open_id is not None)

    def _hint(self) -> Text:
        transcript = self.query_one(Transcript)
        if self._completing.candidates:
            return lines.candidates(self._completing)
        if self._desk.told:
            return Text(self._desk.told, style=PROBLEM)
        mode = self._desk.mode
        if isinstance(mode, Answering):
            message = mode.message
            return lines.answering(self.store.state.people.name_of(message.sender), message.content)
        if isinstance(mode, Rewriting):
            return lines.rewriting()
        if transcript.chosen is not None:
            return lines.chosen()
        return lines.writing(self.store.state, self.store.open_id, at_end=transcript.at_end)

    # What the person does

    def on_composer_sent(self, event: Composer.Sent) -> None:
        line = parse(event.text)
        if line.command is None and self.store.open_id is None:
            self.query_one(Composer).put(event.text)  # what somebody wrote is not to vanish
            self._desk.tell("No conversation is open yet")
            return
        mode, self._desk.mode = self._desk.mode, None
        self._desk.hush()
        self._completing.clear()
        transcript = self.query_one(Transcript)
        if line.command == "quit":
            self.exit()
        elif line.command == "help":
            self.action_help()
        elif line.command is not None or mode is None:
            self.run_worker(self._carry_out(event.text))
        elif isinstance(mode, Answering):
            self._orders.say(line.text, reply_to=mode.message.message_id)
        else:
            self.run_worker(self._orders.rewrite(mode.message.message_id, line.text))
        if line.command is None:
            transcript.choose_none()
            transcript.to_end()
        self._changed()

    async def _carry_out(self, line: str) -> None:
        await self._orders.carry_out(line)
        self._changed()

    def on_text_area_changed(self, event: Composer.Changed) -> None:
        composer, state = self.query_one(Composer), self.store.state
        people = [clean_line(name) for user_id, name in state.people.names.items() if user_id != state.my_id]
        conversations = [clean_line(state.title_of(each)) for each in state.conversations]
        self._completing.written(composer.before_cursor, people, conversations)
        if self.store.open_id is not None and composer.text and not composer.text.startswith("/"):
            self._client.typing(self.store.open_id)
        self._changed()

    def on_composer_wanted(self, event: Composer.Wanted) -> None:
        transcript = self.query_one(Transcript)
        match event.key:
            case "tab" | "shift+tab":
                candidate = self._completing.step(1 if event.key == "tab" else -1)
                if candidate is not None:
                    self.query_one(Composer).replace_before_cursor(*candidate)
            case "up" | "down":
                transcript.choose(-1 if event.key == "up" else 1)
            case "pageup" | "pagedown":
                transcript.page(-1 if event.key == "pageup" else 1)
            case "home" | "ctrl+home":
                transcript.scroll_to(y=0, animate=False)
            case "end" | "ctrl+end":
                transcript.to_end()
            case "escape":
                self._completing.clear()
                self._desk.let_go()
            case "ctrl+d":
                self.exit()
        self._changed()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        if isinstance(event.option_list, Sidebar) and event.option_id is not None:
            self._desk.go_to(int(event.option_id))

    def on_transcript_near_top(self) -> None:
        self.store.spawn(self._load_older())

    async def _load_older(self) -> None:
        await self.store.load_older()

    def on_transcript_end_seen(self) -> None:
        self._changed()

    def on_app_focus(self, event: AppFocus) -> None:
        self._focused = True
        self._attend()

    def on_app_blur(self, event: AppBlur) -> None:
        self._focused = False
        self._attend()

    def _attend(self) -> None:
        self.store.attend(self._focused and self.query_one(Transcript).at_end)

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width < NARROW_BELOW, "narrow")
        self.set_class(event.size.width >= WIDE_FROM, "wide")
        self._changed()

    def action_help(self) -> None:
        self.push_screen(HelpScreen())

    def action_find(self) -> None:
        self.query_one(Composer).put("/search ")

    def action_toggle_list(self) -> None:
        if self.query_one(Sidebar).has_focus:
            self._desk.to_composer()
        else:
            self.add_class("list")
            self.call_after_refresh(self.query_one(Sidebar).focus)

    def action_to_composer(self) -> None:
        self._desk.to_composer()

    def action_next(self, step: int) -> None:
        ids = [each.conversation_id for each in self.store.state.conversations]
        if ids:
            at = ids.index(self.store.open_id) if self.store.open_id in ids else 0
            self._desk.go_to(ids[(at + step) % len(ids)])
