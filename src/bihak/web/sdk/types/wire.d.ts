/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type Frame = {
    type: string;
    [field: string]: unknown;
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type Status = "online" | "away" | "offline";
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type ConversationType = "direct" | "team" | "broadcast" | "exercise";
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type Identity = {
    participant_type: string;
    participant_id: number;
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type Participant = {
    user_id: string;
    participant_type: string;
    participant_id: number;
    name: string;
    avatar_url?: string | null | undefined;
    role?: string | undefined;
    status?: Status | undefined;
    last_seen_at?: string | null | undefined;
    last_read_message_id?: number | null | undefined;
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type Reaction = {
    emoji: string;
    user_ids: string[];
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type Message = {
    message_id: number;
    conversation_id: number;
    sender_type: string;
    sender_id: number;
    sender_name: string;
    /**
     * empty once it is deleted
     */
    content: string;
    reply_to_id?: number | null | undefined;
    created_at: string;
    seq: number;
    idempotency_key?: string | null | undefined;
    edited_at?: string | null | undefined;
    deleted_at?: string | null | undefined;
    reactions?: Reaction[] | undefined;
    /**
     * user_ids
     */
    mentions?: string[] | undefined;
    pinned?: boolean | undefined;
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type Conversation = {
    conversation_id: number;
    conversation_type: string;
    name: string | null;
    created_at: string;
    last_seq: number;
    last_message: Message | null;
    unread: number;
    last_read_message_id: number | null;
    participants: Participant[];
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type Head = {
    conversation_id: number;
    last_seq: number;
    resync?: boolean;
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type Limits = {
    max_frame_bytes: number;
    max_content_chars: number;
    /**
     * more than these are not replayed in one conversation
     */
    resume_events: number;
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type Welcome = {
    user_id: string;
    participant_type: string;
    participant_id: number;
    name?: string | undefined;
    conversations: number[];
    heads?: Head[] | undefined;
    server?: {
        name: string;
        version: string;
    } | undefined;
    limits?: Limits | undefined;
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type MessageSent = {
    message_id: number;
    conversation_id: number;
    seq: number;
    created_at: string;
    duplicate?: boolean | undefined;
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type Failure = {
    /**
     * for people
     */
    message: string;
    code?: string | undefined;
    retryable?: boolean | undefined;
    field?: string | undefined;
    /**
     * seconds
     */
    retry_after?: number | undefined;
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type StatusOf = {
    user_id: string;
    status: Status;
    last_seen_at: string | null;
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type Receipt = {
    user_id: string;
    name: string;
    message_id: number;
    read_at: string;
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type Notification = {
    notification_id: number;
    kind: string;
    conversation_id: number;
    message_id: number | null;
    count: number;
    created_at: string;
    read_at: string | null;
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type SearchRange = {
    conversation_id?: number | undefined;
    /**
     * a user_id
     */
    sender?: string | undefined;
    since?: string | undefined;
    until?: string | undefined;
    limit?: number | undefined;
    /**
     * a message_id
     */
    before?: number | undefined;
};
/**
 * done; there is nothing to say
 */
export type Ok = Object;
/**
 * by the type of the request
 */
export type Replies = {
    auth: Welcome;
    conversations: {
        conversations: Conversation[];
        has_more: boolean;
    };
    get_conversation: {
        conversation: Conversation;
    };
    create_conversation: {
        conversation: Conversation;
    };
    rename_conversation: Ok;
    add_participants: Ok;
    remove_participant: Ok;
    leave_conversation: Ok;
    history: {
        conversation_id: number;
        messages: Message[];
        has_more: boolean;
    };
    message: MessageSent;
    edit_message: Ok;
    delete_message: Ok;
    add_reaction: Ok;
    remove_reaction: Ok;
    pin_message: Ok;
    unpin_message: Ok;
    mark_read: Ok;
    /**
     * the one pinned last comes first
     */
    pins: {
        conversation_id: number;
        messages: Message[];
    };
    receipts: {
        message_id: number;
        receipts: Receipt[];
    };
    unread: {
        unread: number;
        conversations: {
            conversation_id: number;
            unread: number;
        }[];
    };
    settings: {
        read_receipts: boolean;
        appears_offline: boolean;
    };
    update_settings: Ok;
    set_status: Ok;
    get_status: {
        statuses: StatusOf[];
    };
    get_one_status: {
        statuses: StatusOf[];
    };
    participants: {
        participants: Participant[];
    };
    search: {
        conversation_id: number | null;
        messages: Message[];
        has_more: boolean;
    };
    notifications: {
        notifications: Notification[];
        has_more: boolean;
        unread: number;
    };
    mark_notifications_read: Ok;
    subscribe_conversation: {
        conversation_id: number;
        last_seq: number;
    };
    ping: {
        heads?: Head[];
    };
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type DurableFrame = Frame & {
    conversation_id: number;
    seq: number;
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type MessageChange = {
    conversation_id: number;
    seq: number;
    message_id: number;
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type MessageEdited = MessageChange & {
    content: string;
    edited_at: string;
    mentions?: string[];
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type MessageDeleted = MessageChange & {
    deleted_at: string;
    deleted_by: string;
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type ReactionChange = MessageChange & {
    emoji: string;
    user_id: string;
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type PinChange = MessageChange & {
    user_id: string;
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type UserTyping = Identity & {
    conversation_id: number;
    user_id: string;
    name?: string;
    is_typing: boolean;
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type StatusChange = Identity & {
    user_id: string;
    status: Status;
    last_seen_at?: string | null;
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type MessageRead = Identity & {
    conversation_id: number;
    user_id: string;
    message_id: number;
    read_at: string;
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type ConversationCreated = {
    conversation_id: number;
    seq: number;
    conversation: Conversation;
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type ConversationRenamed = {
    conversation_id: number;
    seq: number;
    name: string;
    by: string;
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type ParticipantJoined = Participant & {
    conversation_id: number;
    seq: number;
    by: string;
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type ParticipantLeft = Identity & {
    conversation_id: number;
    seq: number;
    user_id: string;
    by: string;
    owner?: string | null;
};
/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 */
export type NotificationsRead = {
    notification_ids: number[];
    conversation_id: number | null;
    read_at: string;
};
/**
 * by their type
 */
export type ServerEvents = {
    new_message: Message;
    message_edited: MessageEdited;
    message_deleted: MessageDeleted;
    reaction_added: ReactionChange;
    reaction_removed: ReactionChange;
    message_pinned: PinChange;
    message_unpinned: PinChange;
    conversation_created: ConversationCreated;
    conversation_renamed: ConversationRenamed;
    participant_joined: ParticipantJoined;
    participant_left: ParticipantLeft;
    user_typing: UserTyping;
    status_change: StatusChange;
    message_read: MessageRead;
    notification: {
        notification: Notification;
    };
    notifications_read: NotificationsRead;
};
