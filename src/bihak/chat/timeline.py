"""The messages of one conversation that are known here, in the order of their `seq`."""

from bisect import insort
from collections.abc import Callable

from bihak.client.events import MessageDeleted, MessageEdited
from bihak.client.objects import Message, Reaction


class Timeline:
    """Begins empty; `loaded` once the latest page of history was added."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.loaded = False
        self.loading = False
        self.has_older = True
        self._by_id: dict[int, Message] = {}
        self._early: list[Callable[[], None]] = []
        """Changes of messages that may be on a page which is on its way, read before the change was made."""

    def find(self, message_id: int | None) -> Message | None:
        return None if message_id is None else self._by_id.get(message_id)

    def add(self, message: Message) -> None:
        """What is known already stays as it is: events may have changed it since."""
        if message.message_id not in self._by_id:
            self._by_id[message.message_id] = message
            insort(self.messages, message, key=lambda each: each.seq)

    def add_page(self, page: list[Message], *, has_older: bool) -> None:
        for message in page:
            self.add(message)
        self.has_older = has_older
        self.loaded = True
        early, self._early = self._early, []
        for change in early:
            change()

    def _change(self, message_id: int, change: Callable[[Message], None]) -> None:
        message = self.find(message_id)
        if message is not None:
            change(message)
        elif self.loading:
            self._early.append(lambda: self._change(message_id, change))

    def edit(self, event: MessageEdited) -> None:
        def change(message: Message) -> None:
            message.content, message.edited_at, message.mentions = event.content, event.edited_at, event.mentions

        self._change(event.message_id, change)

    def delete(self, event: MessageDeleted) -> None:
        def change(message: Message) -> None:
            message.content, message.deleted_at = "", event.deleted_at
            message.reactions, message.mentions, message.pinned = [], [], False

        self._change(event.message_id, change)

    def react(self, message_id: int, emoji: str, user_id: str, *, added: bool) -> None:
        def change(message: Message) -> None:
            who = {reaction.emoji: list(reaction.user_ids) for reaction in message.reactions}
            there = who.setdefault(emoji, [])
            if added and user_id not in there:
                there.append(user_id)
            elif not added and user_id in there:
                there.remove(user_id)
            message.reactions = [Reaction(emoji, user_ids) for emoji, user_ids in who.items() if user_ids]

        self._change(message_id, change)

    def pin(self, message_id: int, *, pinned: bool) -> None:
        def change(message: Message) -> None:
            message.pinned = pinned

        self._change(message_id, change)

    def clear(self) -> None:
        """To be fetched anew."""
        self.messages.clear()
        self._by_id.clear()
        self._early.clear()
        self.loaded = False
        self.has_older = True
