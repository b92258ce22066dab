"""What is said about searching on the wire."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from bihak.features.messages import Message
from bihak.protocol.envelope import Reply, Request
from bihak.protocol.types import ConversationId, MessageId, UserId

MAX_QUERY = 200
SEARCH_LIMIT = 50
SEARCH_MAX = 100


class SearchMessages(Request, tag="search", kw_only=True):
    """Messages that have each word of `q`, or a word that begins with it, in one's conversations; the latest first.

    Case and accents make no difference. `before` is the oldest message of the page before.
    """

    q: Annotated[str, Meta(min_length=1, max_length=MAX_QUERY)]
    conversation_id: ConversationId | None = None
    sender: UserId | None = None
    since: Annotated[datetime, Meta(tz=True)] | None = None
    """Sent at this time or later."""
    until: Annotated[datetime, Meta(tz=True)] | None = None
    """Sent before this time."""
    limit: Annotated[int, Meta(ge=1, le=SEARCH_MAX)] = SEARCH_LIMIT
    before: MessageId | None = None


class SearchResults(Reply, tag="search_results", kw_only=True):
    """The latest of what was found."""

    conversation_id: int | None
    messages: list[Message]
    """Oldest first."""
    has_more: bool
    """Whether there are older ones."""
