"""What the person is at: the open conversation, the message that is answered or rewritten, and what they were told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.text import Text
from textual.app import App
from textual.timer import Timer

from bihak.chat.clean import clean_line
from bihak.chat.composer import Composer
from bihak.chat.screens import ChoiceScreen
from bihak.chat.store import Store
from bihak.chat.transcript import Transcript
from bihak.client import Message

TOLD_FOR_S = 6.0


@dataclass(frozen=True, slots=True)
class Answering:
    """What is written answers this message."""

    message: Message


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What is written takes the place of this message's content."""

    message: Message


class Desk:
    """Implements View. `changed` is called whenever something has changed; `redraw` draws it at once."""

    def __init__(self, app: App[None], store: Store, changed: Callable[[], None], redraw: Callable[[], None]) -> None:
        self.mode: Answering | Rewriting | None = None
        self.told = ""
        self.unread_after: int | None = None
        """The seq after which what is new in the open conversation begins."""
        self._app = app
        self._store = store
        self._changed = changed
        self._redraw = redraw
        self._composer = app.query_one(Composer)
        self._transcript = app.query_one(Transcript)
        self._drafts: dict[int, str] = {}
        self._told_until: Timer | None = None

    def chosen(self) -> Message | None:
        block = self._transcript.chosen_block
        if block is None or self._store.open_id is None:
            return None
        return self._store.state.timeline(self._store.open_id).find(block.message_id)

    def answer(self, message: Message) -> None:
        self.mode = Answering(message)
        self._changed()

    def rewrite(self, message: Message) -> None:
        self.mode = Rewriting(message)
        self._composer.put(message.content)
        self._changed()

    def let_go(self) -> None:
        """Of a choice, an answer, a change that was begun."""
        if isinstance(self.mode, Rewriting):
            self._composer.clear()
        self.mode = None
        self.hush()
        self._transcript.choose_none()

    def go_to(self, conversation_id: int, message_id: int | None = None) -> None:
        known = self._store.state.find(conversation_id)
        if known is None:
            return
        if self._store.open_id != conversation_id:
            told = self.told
            self.let_go()
            self.told = told
            self._change_drafts(conversation_id)
            self.unread_after = self._store.state.unread_after(known)
            self._store.open(conversation_id)
        self.to_composer()
        if message_id is not None:
            self._app.run_worker(self._find(message_id))

    def to_composer(self) -> None:
        self._app.remove_class("list")
        self._app.call_after_refresh(self._composer.focus)

    def _change_drafts(self, conversation_id: int) -> None:
        """What is written for one conversation is not to be sent to another."""
        kept = self._composer.text
        if self._store.open_id is not None:
            self._drafts[self._store.open_id] = kept
            kept = ""
        self._composer.put(self._drafts.pop(conversation_id, kept))

    async def _find(self, message_id: int) -> None:
        found = await self._store.load_back_to(message_id)
        self._redraw()
        self._transcript.choose_this(f"m{message_id}" if found else None)
        self._changed()

    async def offer(self, title: str, choices: Sequence[tuple[str, Text]], foot: str) -> str | None:
        return await self._app.push_screen_wait(ChoiceScreen(title, list(choices), foot))

    def tell(self, words: str) -> None:
        self.hush()
        self.told = clean_line(words)
        self._told_until = self._app.set_timer(TOLD_FOR_S, self.hush)
        self._changed()

    def hush(self) -> None:
        if self._told_until is not None:
            self._told_until.stop()
        self.told = ""
        self._changed()
