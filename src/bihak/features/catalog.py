"""The features there are, in the order in which they see a session come and go."""

from bihak.features.conversations import Conversations
from bihak.features.messages import Messages, render_message
from bihak.features.participants import Participants
from bihak.features.presence import Presence
from bihak.features.receipts import Receipts
from bihak.features.sync import Sync
from bihak.features.typing import Typing

FEATURES = (Participants, Conversations, Messages, Receipts, Typing, Presence, Sync)

__all__ = ["FEATURES", "render_message"]
