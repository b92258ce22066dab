"""The people there are: what they are called, whether they are here, who is writing."""

from collections.abc import Callable

from bihak.client.events import StatusChange, UserTyping

TYPING_ENDS_AFTER_S = 10.0


class People:
    """`now` is a clock in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._names: dict[str, str] = {}
        self._statuses: dict[str, str] = {}
        self._last_seen: dict[str, str] = {}
        self._writing: dict[tuple[int, str], float] = {}

    @property
    def names(self) -> dict[str, str]:
        """Everybody met so far: names by `user_id`."""
        return self._names

    def meet(self, user_id: str, name: str) -> None:
        self._names[user_id] = name

    def name_of(self, user_id: str) -> str:
        return self._names.get(user_id, user_id)

    def status_of(self, user_id: str) -> str:
        return self._statuses.get(user_id, "offline")

    def last_seen(self, user_id: str) -> str | None:
        return self._last_seen.get(user_id)

    def seen(self, user_id: str, status: str, last_seen_at: str | None) -> None:
        self._statuses[user_id] = status
        if last_seen_at is not None:
            self._last_seen[user_id] = last_seen_at

    def status_changed(self, change: StatusChange) -> None:
        self.seen(change.user_id, change.status, change.last_seen_at)
        if change.status == "offline":
            for key in [key for key in self._writing if key[1] == change.user_id]:
                del self._writing[key]

    def typed(self, change: UserTyping) -> None:
        self.meet(change.user_id, change.name)
        if change.is_typing:
            self._writing[change.conversation_id, change.user_id] = self._now() + TYPING_ENDS_AFTER_S
        else:
            self.stopped_writing(change.conversation_id, change.user_id)

    def stopped_writing(self, conversation_id: int, user_id: str) -> None:
        self._writing.pop((conversation_id, user_id), None)

    def writing_in(self, conversation_id: int) -> list[str]:
        """The `user_id`s of those who write there now."""
        now = self._now()
        self._writing = {key: until for key, until in self._writing.items() if until > now}
        return [user_id for where, user_id in self._writing if where == conversation_id]

    def disconnected(self) -> None:
        """Nobody tells any longer who comes, goes or writes."""
        self._writing.clear()
