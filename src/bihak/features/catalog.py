"""The features there are, in the order in which they see a session come and go."""

from bihak.core.feature import Feature
from bihak.core.node import Node
from bihak.features.conversations import Conversations
from bihak.features.messages import Messages, render_message
from bihak.features.notifications import Notifications
from bihak.features.participants import Participants
from bihak.features.people import People
from bihak.features.pins import Pins
from bihak.features.platform import Platform
from bihak.features.presence import Presence
from bihak.features.privacy import Privacy
from bihak.features.privacy.erasure import Erasure
from bihak.features.reactions import Reactions
from bihak.features.receipts import Receipts
from bihak.features.search import Search
from bihak.features.sync import Sync
from bihak.features.typing import Typing


def make_features(node: Node) -> list[Feature]:
    """Each feature for that node."""
    messages, receipts = Messages(), Receipts()
    search = Search(node, messages)
    return [
        Participants(node),
        People(node),
        messages,
        Reactions(messages),
        Pins(messages),
        Conversations(node, messages),
        receipts,
        Typing(node),
        Presence(node),
        search,
        Notifications(node, messages, receipts),
        Sync(node),
        Platform(node),
        Privacy(node, search),
        Erasure(messages, search),
    ]


__all__ = ["make_features", "render_message"]
