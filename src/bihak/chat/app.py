"""The chat on the screen of a terminal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import AppBlur, AppFocus, Resize
from textual.widgets import OptionList, Static

from bihak.chat.blocks import BlockMaker
from bihak.chat.clean import clean_line
from bihak.chat.commands import parse
from bihak.chat.completion import NOTHING, Completion, complete
from bihak.chat.composer import Composer
from bihak.chat.orders import Orders
from bihak.chat.paint import ACCENT, DIM, DOTS, PROBLEM
from bihak.chat.screens import ChoiceScreen, HelpScreen
from bihak.chat.sidebar import Sidebar
from bihak.chat.store import Store
from bihak.chat.transcript import Transcript
from bihak.chat.when import ago, moment_of, now
from bihak.client import Client, Conversation, Fault, Message, StateChanged
from bihak.client import State as Connection

NARROW_BELOW = 64
WIDE_FROM = 120
REDRAWN_AFTER_S = 0.03
"""Many events come in one breath; the screen needs to follow only once."""
TOLD_FOR_S = 6.0
PAGES_SEARCHED = 40


@dataclass(frozen=True, slots=True)
class Answering:
    """What is written answers this message."""

    message: Message


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What is written takes the place of this message's content."""

    message: Message


class ChatApp(App[None]):
    """Implements View. `make_client` is called once there is an event loop; `start_with` is a conversation
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
        self._mode: Answering | Rewriting | None = None
        self._completion = NOTHING
        self._at_candidate = -1
        self._told = ""
        self._redraw_due = False
        self._unread_after: int | None = None
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
        self.store = Store(self._client, changed=self._changed, troubled=self.tell)
        self._orders = Orders(self.store, self)
        self._client.start()
        self.query_one(Composer).focus()
        self.run_worker(self._talk())
        self.set_interval(1.0, self._changed)  # typing ends and moments pass by themselves

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
        screen.query_one("#status", Static).update(self._status_line(self._client.state))

    def _open_one_at_first(self) -> None:
        if not self.store.loaded or self.store.open_id is not None:
            return
        start_with, self._start_with = self._start_with, None
        if isinstance(start_with, str):
            self.run_worker(self._carry_out(f"/new {start_with}"))
        else:
            found = self.store.state.find(start_with)
            for conversation in [found] if found else self.store.state.conversations[:1]:
                self.go_to(conversation.conversation_id)

    def _show_messages(self, transcript: Transcript, here: Conversation | None) -> None:
        if here is None:
            transcript.show([])
            return
        afresh = here.conversation_id != self._shown_id
        self._shown_id = here.conversation_id
        maker = BlockMaker(self.store.state, here.conversation_id, now().date(), self._unread_after)
        transcript.show(maker.make(self._client.unsent(here.conversation_id)), afresh=afresh)
        self._attend()

    def _heading(self, here: Conversation | None) -> Text:
        if here is None:
            words = "No conversation yet: /new NAME begins one" if self.store.loaded else ""
            return Text(words, style=DIM)
        title = Text(clean_line(self.store.state.title_of(here)), style="bold")
        others = self.store.state.others_in(here)
        people = self.store.state.people
        if here.conversation_type == "direct" and others:
            user_id = others[0].user_id
            status, seen = people.status_of(user_id), people.last_seen(user_id)
            dot, colour = DOTS[status]
            since = f", seen {ago(moment_of(seen), now())}" if seen and status == "offline" else ""
            return Text.assemble(title, "  ", (dot, colour), (f" {status}{since}", DIM))
        here_now = sum(people.status_of(each.user_id) != "offline" for each in others)
        return Text.assemble(title, (f"  {len(here.participants)} people, {here_now + 1} here", DIM))

    def _hint(self) -> Text:
        if self._completion.candidates:
            return self._candidates()
        if self._told:
            return Text(self._told, style=PROBLEM)
        if isinstance(self._mode, Answering):
            who = self.store.state.people.name_of(self._mode.message.sender)
            return Text(f"↩ to {clean_line(who)}: {clean_line(self._mode.message.content)}  (Esc: not)", style=ACCENT)
        if isinstance(self._mode, Rewriting):
            return Text("Changing what you wrote; Enter saves, Esc leaves it", style=ACCENT)
        if self.query_one(Transcript).chosen is not None:
            return Text("/reply  /react 👍  /edit  /delete  /pin  (Esc: let go)", style=ACCENT)
        return self._writing()

    def _writing(self) -> Text:
        if self.store.open_id is None:
            return Text()
        names = [
            clean_line(self.store.state.people.name_of(each))
            for each in self.store.state.people.writing_in(self.store.open_id)
        ]
        if not names:
            below = "" if self.query_one(Transcript).at_end else "↓ Ctrl+End: the latest messages"
            return Text(below, style=DIM)
        verb = "is" if len(names) == 1 else "are"
        who = " and ".join(names) if len(names) < 3 else f"{len(names)} people"
        return Text(f"{who} {verb} typing…", style="italic #8b93a7")

    def _candidates(self) -> Text:
        text = Text(no_wrap=True)
        for at, candidate in enumerate(self._completion.candidates):
            text.append(candidate.strip(), "reverse" if at == self._at_candidate else DIM)
            text.append("  ")
        return text

    def _status_line(self, change: StateChanged) -> Text:
        words, style = self._connection_words(change)
        left, right = Text(words, style=style), "F1 help  Ctrl+D leave"
        left.truncate(max(0, self.size.width - cell_len(right) - 4), overflow="ellipsis")
        gap = self.size.width - 2 - left.cell_len - cell_len(right)
        return Text.assemble(left, " " * max(1, gap), (right, DIM))

    def _connection_words(self, change: StateChanged) -> tuple[str, str]:
        match change.state:
            case Connection.READY:
                return f"● {clean_line(self._client.me.name)}", "#a6da95"
            case Connection.WAITING:
                return "○ No connection, trying again; what you write waits", "#eed49f"
            case Connection.CONNECTING:
                return "○ Connecting…", "#eed49f"
            case _:
                return "○ Signed out", "#ed8796"

    # View

    def chosen(self) -> Message | None:
        block = self.query_one(Transcript).chosen_block
        if block is None or self.store.open_id is None:
            return None
        return self.store.state.timeline(self.store.open_id).find(block.message_id)

    def answer(self, message: Message) -> None:
        self._mode = Answering(message)
        self._changed()

    def rewrite(self, message: Message) -> None:
        self._mode = Rewriting(message)
        self.query_one(Composer).put(message.content)
        self._changed()

    def go_to(self, conversation_id: int, message_id: int | None = None) -> None:
        known = self.store.state.find(conversation_id)
        if known is None:
            return
        if self.store.open_id != conversation_id:
            self._let_go()
            self._unread_after = self._last_read_seq(known)
            self.store.open(conversation_id)
        self.action_to_composer()
        if message_id is not None:
            self.run_worker(self._find(conversation_id, message_id))

    def _last_read_seq(self, known: Conversation) -> int | None:
        """Where what is new begins; None where nothing is, or where that is not known before history is there."""
        if not known.unread or known.last_message is None:
            return None
        read = self.store.state.timeline(known.conversation_id).find(known.last_read_message_id)
        return read.seq if read else max(0, known.last_message.seq - known.unread)

    async def _find(self, conversation_id: int, message_id: int) -> None:
        timeline = self.store.state.timeline(conversation_id)
        for _ in range(PAGES_SEARCHED):
            if timeline.find(message_id) or (timeline.loaded and not await self.store.load_older()):
                break
            if not timeline.loaded:
                await self.store.load_newest(conversation_id)
        self._redraw()
        transcript = self.query_one(Transcript)
        transcript.chosen = f"m{message_id}" if timeline.find(message_id) else None
        if transcript.chosen:
            transcript.bring_into_view(transcript.chosen)
        transcript.refresh()
        self._changed()

    async def offer(self, title: str, choices: Sequence[tuple[str, Text]], foot: str) -> str | None:
        return await self.push_screen_wait(ChoiceScreen(title, list(choices), foot))

    def tell(self, words: str) -> None:
        self._told = clean_line(words)
        self.set_timer(TOLD_FOR_S, self._untell)
        self._changed()

    def _untell(self) -> None:
        self._told = ""
        self._changed()

    # What the person does

    def on_composer_sent(self, event: Composer.Sent) -> None:
        line = parse(event.text)
        if line.command is None and self.store.open_id is None:
            self.query_one(Composer).put(event.text)  # what somebody wrote is not to vanish
            self.tell("No conversation is open yet")
            return
        mode, self._mode = self._mode, None
        self._completion, self._told = NOTHING, ""
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
        composer = self.query_one(Composer)
        if self._at_candidate == -1 or not self._completes(composer.before_cursor):
            self._at_candidate = -1
            self._completion = self._complete(composer.before_cursor)
        if self.store.open_id is not None and composer.text and not composer.text.startswith("/"):
            self._client.typing(self.store.open_id)
        self._changed()

    def _completes(self, before: str) -> bool:
        """Whether what stands there is a candidate that was put there."""
        return before[self._completion.start :] in self._completion.candidates

    def _complete(self, before: str) -> Completion:
        state = self.store.state
        people = [clean_line(name) for user_id, name in state.people.names.items() if user_id != state.my_id]
        found = complete(before, people, [clean_line(state.title_of(each)) for each in state.conversations])
        return NOTHING if found.candidates == (before[found.start :],) else found

    def on_composer_wanted(self, event: Composer.Wanted) -> None:
        transcript = self.query_one(Transcript)
        match event.key:
            case "tab" | "shift+tab":
                self._next_candidate(1 if event.key == "tab" else -1)
            case "up" | "down":
                transcript.choose(-1 if event.key == "up" else 1)
            case "pageup" | "pagedown":
                transcript.page(-1 if event.key == "pageup" else 1)
            case "home" | "ctrl+home":
                transcript.scroll_to(y=0, animate=False)
            case "end" | "ctrl+end":
                transcript.to_end()
            case "escape":
                self._let_go()
            case "ctrl+d":
                self.exit()
        self._changed()

    def _next_candidate(self, step: int) -> None:
        candidates = self._completion.candidates
        if candidates:
            self._at_candidate = (self._at_candidate + step) % len(candidates)
            self.query_one(Composer).replace_before_cursor(self._completion.start, candidates[self._at_candidate])
        if len(candidates) == 1:
            self._at_candidate = -1  # it is taken; what may follow it comes next

    def _let_go(self) -> None:
        if isinstance(self._mode, Rewriting):
            self.query_one(Composer).clear()
        self._mode, self._completion, self._told = None, NOTHING, ""
        self.query_one(Transcript).choose_none()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        if isinstance(event.option_list, Sidebar) and event.option_id is not None:
            self.go_to(int(event.option_id))

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
            self.action_to_composer()
        else:
            self.add_class("list")
            self.call_after_refresh(self.query_one(Sidebar).focus)

    def action_to_composer(self) -> None:
        self.remove_class("list")
        self.call_after_refresh(self.query_one(Composer).focus)

    def action_next(self, step: int) -> None:
        ids = [each.conversation_id for each in self.store.state.conversations]
        if ids:
            at = ids.index(self.store.open_id) if self.store.open_id in ids else 0
            self.go_to(ids[(at + step) % len(ids)])
