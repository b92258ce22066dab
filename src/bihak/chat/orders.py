"""Carries out what was written: messages and commands."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, get_args

from rich.text import Text

from bihak.chat.clean import clean_line
from bihak.chat.commands import NAMES, listed, parse
from bihak.chat.paint import DIM, DOTS, name_style
from bihak.chat.store import Store
from bihak.chat.when import ago, clock, day_name, moment_of, now
from bihak.client import Conversation, Fault, Message, Sending
from bihak.client.commands import Status
from bihak.protocol.types import Participant


class View(Protocol):
    """What the commands need of the screen."""

    def chosen(self) -> Message | None:
        """The message the person went to."""

    def answer(self, message: Message) -> None:
        """What is written next answers this message."""

    def rewrite(self, message: Message) -> None:
        """What is written next takes the place of what this message says."""

    def go_to(self, conversation_id: int, message_id: int | None = None) -> None: ...

    def offer(self, title: str, choices: Sequence[tuple[str, Text]], foot: str) -> Awaitable[str | None]:
        """Lets the person choose."""

    def tell(self, words: str) -> None: ...


class Refused(Exception):
    """A command that makes no sense here; the text says why."""


class Orders:
    """`carry_out` takes a line, and tells what is wrong with it on the view."""

    def __init__(self, store: Store, view: View) -> None:
        self._store = store
        self._client = store.client
        self._state = store.state
        self._view = view
        self._does: dict[str, Callable[[str], Awaitable[None]]] = {
            name: getattr(self, f"_{name}") for name in NAMES if hasattr(self, f"_{name}")
        }

    async def carry_out(self, line: str) -> None:
        try:
            command, text = parse(line)
            if command is None:
                self.say(text)
            elif command in self._does:
                await self._does[command](text)
            else:
                raise Refused(f"There is no command /{command}; F1 shows those there are.")
        except (Refused, Fault) as fault:
            self._view.tell(str(fault))

    def say(self, text: str, *, reply_to: int | None = None) -> None:
        """Sends a message to the open conversation."""
        self._client.send(self._here().conversation_id, text.strip(), reply_to_id=reply_to)

    async def rewrite(self, message_id: int, text: str) -> None:
        """Changes what a message says, and tells what is wrong on the view."""
        try:
            await self._client.edit_message(message_id, text)
        except Fault as fault:
            self._view.tell(fault.message)

    # Messages

    async def _reply(self, text: str) -> None:
        message = self._chosen_or_last(lambda each: each.sender != self._state.my_id)
        if text:
            self.say(text, reply_to=message.message_id)
        else:
            self._view.answer(message)

    async def _edit(self, text: str) -> None:
        message = self._my_message()
        if text:
            await self._client.edit_message(message.message_id, text)
        else:
            self._view.rewrite(message)

    async def _delete(self, _: str) -> None:
        chosen = self._view.chosen() or self._my_message()  # an admin may delete what others wrote
        await self._client.delete_message(chosen.message_id)

    async def _react(self, emoji: str) -> None:
        if not emoji:
            raise Refused("With which emoji? /react 👍")
        message = self._chosen_or_last(lambda each: True)
        mine = any(each.emoji == emoji and self._state.my_id in each.user_ids for each in message.reactions)
        change = self._client.remove_reaction if mine else self._client.add_reaction
        await change(message.message_id, emoji)

    async def _pin(self, _: str) -> None:
        message = self._chosen_or_last(lambda each: True)
        change = self._client.unpin_message if message.pinned else self._client.pin_message
        await change(message.message_id)

    async def _search(self, words: str) -> None:
        if not words:
            raise Refused("For what? /search WORDS")
        found = list(reversed((await self._client.search(words)).messages))
        if not found:
            raise Refused(f"Nothing found for “{clean_line(words)}”.")
        choices = [(f"{each.conversation_id} {each.message_id}", self._result(each)) for each in found]
        chosen = await self._view.offer(f"Found: {clean_line(words)}", choices, "Enter goes there, Esc closes")
        if chosen is not None:
            conversation_id, message_id = map(int, chosen.split())
            self._view.go_to(conversation_id, message_id)

    def _result(self, message: Message) -> Text:
        moment = moment_of(message.created_at)
        name = clean_line(self._state.people.names.get(message.sender, message.sender_name))
        where = self._state.find(message.conversation_id)
        title = clean_line(self._state.title_of(where)) if where else ""
        when = f"{day_name(moment.date(), now().date())} {clock(moment)}"
        return Text.assemble(
            (name, name_style(message.sender)), (f"  {when}  {title}", DIM), f"\n  {clean_line(message.content)}"
        )

    # Conversations

    async def _open(self, name: str) -> None:
        wanted = name.casefold()
        titles = {each.conversation_id: self._state.title_of(each).casefold() for each in self._state.conversations}
        fits = [each for each, title in titles.items() if title.startswith(wanted)]
        fits += [each for each, title in titles.items() if wanted in title and each not in fits]
        if not wanted or not fits:
            raise Refused("Which one? /open and the beginning of its name; /new begins another")
        self._view.go_to(fits[0])

    async def _new(self, text: str) -> None:
        wanted, name = listed(text)
        if not wanted:
            raise Refused("With whom? /new NAME, or /new NAME, NAME: NAME OF THE TEAM")
        people = [await self._find_person(who) for who in wanted]
        kind = "direct" if len(people) == 1 and name is None else "team"
        made = await self._client.create_conversation("direct" if kind == "direct" else "team", people, name)
        self._state.put(made)
        self._view.go_to(made.conversation_id)

    async def _rename(self, name: str) -> None:
        await self._client.rename_conversation(self._here().conversation_id, name)

    async def _add(self, text: str) -> None:
        people = [await self._find_person(who) for who in listed(text)[0]]
        await self._client.add_participants(self._here().conversation_id, people)

    async def _remove(self, who: str) -> None:
        await self._client.remove_participant(self._here().conversation_id, await self._find_person(who))

    async def _leave(self, _: str) -> None:
        here = self._here()
        await self._client.leave_conversation(here.conversation_id)
        self._view.tell(f"You have left {self._state.title_of(here)}.")
        for other in self._state.conversations:
            if other.conversation_id != here.conversation_id:
                self._view.go_to(other.conversation_id)
                break

    # People

    async def _people(self, name: str) -> None:
        found = await self._client.find_people(name)
        if not found:
            raise Refused("Nobody found.")
        await self._offer_people("People", [(each.user_id, each.name, each.status, None) for each in found])

    async def _who(self, _: str) -> None:
        here = self._here()
        people = self._state.people
        rows = [
            (each.user_id, each.name, people.status_of(each.user_id), people.last_seen(each.user_id))
            for each in self._state.others_in(here)
        ]
        await self._offer_people(self._state.title_of(here), rows)

    async def _offer_people(self, title: str, rows: Sequence[tuple[str, str, str, str | None]]) -> None:
        choices = []
        for user_id, name, status, last_seen_at in rows:
            dot, colour = DOTS[status]
            seen = f", seen {ago(moment_of(last_seen_at), now())}" if last_seen_at and status == "offline" else ""
            parts = (
                (f"{dot} ", colour),
                (clean_line(name), name_style(user_id)),
                (f"  {user_id}, {status}{seen}", DIM),
            )
            choices.append((user_id, Text.assemble(*parts)))
        chosen = await self._view.offer(clean_line(title), choices, "Enter writes to them, Esc closes")
        if chosen is not None:
            await self._new(chosen)

    async def _status(self, status: str) -> None:
        for known in get_args(Status):
            if status == known:
                await self._client.set_status(known)
                self._view.tell(f"You are {status} to others.")
                return
        raise Refused("/status online, away or offline")

    # What failed

    async def _retry(self, _: str) -> None:
        for outgoing in self._client.unsent(self._here().conversation_id):
            self._client.retry(outgoing.draft.key)

    async def _discard(self, _: str) -> None:
        for outgoing in self._client.unsent(self._here().conversation_id):
            if outgoing.sending is Sending.FAILED:
                self._client.discard(outgoing.draft.key)

    # What is meant

    def _here(self) -> Conversation:
        here = self._state.find(self._store.open_id)
        if here is None:
            raise Refused("No conversation is open; /new NAME begins one.")
        return here

    def _chosen_or_last(self, fits: Callable[[Message], Any]) -> Message:
        chosen = self._view.chosen()
        if chosen is not None:
            return chosen
        messages = self._state.timeline(self._here().conversation_id).messages
        for message in reversed(messages):
            if fits(message) and message.deleted_at is None:
                return message
        raise Refused("There is no such message here yet.")

    def _my_message(self) -> Message:
        message = self._chosen_or_last(lambda each: each.sender == self._state.my_id)
        if message.sender != self._state.my_id:
            raise Refused("That message is not yours.")
        return message

    async def _find_person(self, who: str) -> str:
        """The `user_id` of somebody named so."""
        who = who.removeprefix("@").strip()
        try:
            return Participant.parse(who).user_id
        except ValueError:
            pass
        found = await self._client.find_people(who)
        exact = [each for each in found if each.name.casefold() == who.casefold()] or found
        if len(exact) != 1:
            several = ", ".join(f"{each.name} ({each.user_id})" for each in exact[:4])
            raise Refused(f"There are several: {several}" if exact else f"Nobody is called {who}.")
        return exact[0].user_id
