"""What `bihak serve --demo` starts with: four people, two conversations, a few messages."""

from bihak.core.identity import Actor
from bihak.core.node import Node
from bihak.features.conversations import ConversationReply, CreateConversation, ListConversations
from bihak.features.messages import SendMessage
from bihak.features.participants import SaveParticipant
from bihak.protocol.types import Participant

_NAMES = {"user_1": "Aline Uwase", "user_2": "Eric Mugisha", "mentor_1": "Grace Mukamana", "admin_1": "Jean Bosco"}

DEMO_PEOPLE: list[dict[str, str]] = [
    {"user_id": user_id, "name": name, "participant_type": Participant.parse(user_id).type}
    for user_id, name in _NAMES.items()
]

_DIRECT = (
    ("mentor_1", "Hello Aline, I am Grace. I read your application: a solar dryer for fruit, what a good idea."),
    ("user_1", "Thank you! The first one stands in our garden. It dries mangoes in two days."),
    ("mentor_1", "Shall we look at the costs together on Thursday?"),
)
_TEAM = (
    ("admin_1", "Welcome, everyone. This is where the green energy team talks."),
    ("user_2", "Hi all! I can help with the drawings."),
    ("user_1", "Great, mine are all by hand so far."),
)


async def fill_with_demo(node: Node) -> None:
    """Fills an empty database; leaves any other as it is."""
    actors = {user_id: Actor(Participant.parse(user_id), name) for user_id, name in _NAMES.items()}
    if (await node.call(ListConversations(), actors["user_1"])).conversations:
        return
    for actor in actors.values():
        await node.call(SaveParticipant(participant=actor.participant, name=actor.name))
    direct = CreateConversation(conversation_type="direct", participants=["user_1", "mentor_1"])
    team = CreateConversation(conversation_type="team", participants=list(_NAMES), name="Green energy team")
    for founder, request, lines in (("user_1", direct, _DIRECT), ("admin_1", team, _TEAM)):
        created = await node.call(request, actors[founder])
        assert isinstance(created, ConversationReply)
        for author, text in lines:
            message = SendMessage(conversation_id=created.conversation.conversation_id, content=text)
            await node.call(message, actors[author])
