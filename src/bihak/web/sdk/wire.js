/**
 * What travels on the wire, as types; docs/protocol.md is the contract. Unknown fields and types are to be ignored.
 *
 * @typedef {{type: string, [field: string]: unknown}} Frame
 *
 * @typedef {"online" | "away" | "offline"} Status
 * @typedef {"direct" | "team" | "broadcast" | "exercise"} ConversationType
 * @typedef {{participant_type: string, participant_id: number}} Identity
 *
 * @typedef {Object} Participant
 * @property {string} user_id
 * @property {string} participant_type
 * @property {number} participant_id
 * @property {string} name
 * @property {string | null} [avatar_url]
 * @property {string} [role]
 * @property {Status} [status]
 * @property {string | null} [last_seen_at]
 * @property {number | null} [last_read_message_id]
 *
 * @typedef {{emoji: string, user_ids: string[]}} Reaction
 *
 * @typedef {Object} Message
 * @property {number} message_id
 * @property {number} conversation_id
 * @property {string} sender_type
 * @property {number} sender_id
 * @property {string} sender_name
 * @property {string} content  empty once it is deleted
 * @property {number | null} [reply_to_id]
 * @property {string} created_at
 * @property {number} seq
 * @property {string | null} [idempotency_key]
 * @property {string | null} [edited_at]
 * @property {string | null} [deleted_at]
 * @property {Reaction[]} [reactions]
 * @property {string[]} [mentions]  user_ids
 * @property {boolean} [pinned]
 *
 * @typedef {Object} Conversation
 * @property {number} conversation_id
 * @property {string} conversation_type
 * @property {string | null} name
 * @property {string} created_at
 * @property {number} last_seq
 * @property {Message | null} last_message
 * @property {number} unread
 * @property {number | null} last_read_message_id
 * @property {Participant[]} participants
 *
 * @typedef {{conversation_id: number, last_seq: number, resync?: boolean}} Head
 *
 * @typedef {Object} Limits
 * @property {number} max_frame_bytes
 * @property {number} max_content_chars
 * @property {number} resume_events  more than these are not replayed in one conversation
 *
 * @typedef {Object} Welcome
 * @property {string} user_id
 * @property {string} participant_type
 * @property {number} participant_id
 * @property {string} [name]
 * @property {number[]} conversations
 * @property {Head[]} [heads]
 * @property {{name: string, version: string}} [server]
 * @property {Limits} [limits]
 *
 * @typedef {Object} MessageSent
 * @property {number} message_id
 * @property {number} conversation_id
 * @property {number} seq
 * @property {string} created_at
 * @property {boolean} [duplicate]
 *
 * @typedef {Object} Failure
 * @property {string} message  for people
 * @property {string} [code]
 * @property {boolean} [retryable]
 * @property {string} [field]
 * @property {number} [retry_after]  seconds
 *
 * @typedef {{user_id: string, status: Status, last_seen_at: string | null}} StatusOf
 * @typedef {{user_id: string, name: string, message_id: number, read_at: string}} Receipt
 *
 * @typedef {Object} Notification
 * @property {number} notification_id
 * @property {string} kind
 * @property {number} conversation_id
 * @property {number | null} message_id
 * @property {number} count
 * @property {string} created_at
 * @property {string | null} read_at
 *
 * @typedef {Object} SearchRange
 * @property {number} [conversation_id]
 * @property {string} [sender]  a user_id
 * @property {string} [since]
 * @property {string} [until]
 * @property {number} [limit]
 * @property {number} [before]  a message_id
 *
 * @typedef {Object} Ok  done; there is nothing to say
 *
 * @typedef {Object} Replies  by the type of the request
 * @property {Welcome} auth
 * @property {{conversations: Conversation[], has_more: boolean}} conversations
 * @property {{conversation: Conversation}} get_conversation
 * @property {{conversation: Conversation}} create_conversation
 * @property {Ok} rename_conversation
 * @property {Ok} add_participants
 * @property {Ok} remove_participant
 * @property {Ok} leave_conversation
 * @property {{conversation_id: number, messages: Message[], has_more: boolean}} history
 * @property {MessageSent} message
 * @property {Ok} edit_message
 * @property {Ok} delete_message
 * @property {Ok} add_reaction
 * @property {Ok} remove_reaction
 * @property {Ok} pin_message
 * @property {Ok} unpin_message
 * @property {Ok} mark_read
 * @property {{conversation_id: number, messages: Message[]}} pins  the one pinned last comes first
 * @property {{message_id: number, receipts: Receipt[]}} receipts
 * @property {{unread: number, conversations: {conversation_id: number, unread: number}[]}} unread
 * @property {{read_receipts: boolean, appears_offline: boolean}} settings
 * @property {Ok} update_settings
 * @property {Ok} set_status
 * @property {{statuses: StatusOf[]}} get_status
 * @property {{statuses: StatusOf[]}} get_one_status
 * @property {{participants: Participant[]}} participants
 * @property {{conversation_id: number | null, messages: Message[], has_more: boolean}} search
 * @property {{notifications: Notification[], has_more: boolean, unread: number}} notifications
 * @property {Ok} mark_notifications_read
 * @property {{conversation_id: number, last_seq: number}} subscribe_conversation
 * @property {{heads?: Head[]}} ping
 *
 * @typedef {Frame & {conversation_id: number, seq: number}} DurableFrame
 * @typedef {{conversation_id: number, seq: number, message_id: number}} MessageChange
 * @typedef {MessageChange & {content: string, edited_at: string, mentions?: string[]}} MessageEdited
 * @typedef {MessageChange & {deleted_at: string, deleted_by: string}} MessageDeleted
 * @typedef {MessageChange & {emoji: string, user_id: string}} ReactionChange
 * @typedef {MessageChange & {user_id: string}} PinChange
 * @typedef {Identity & {conversation_id: number, user_id: string, name?: string, is_typing: boolean}} UserTyping
 * @typedef {Identity & {user_id: string, status: Status, last_seen_at?: string | null}} StatusChange
 * @typedef {Identity & {conversation_id: number, user_id: string, message_id: number, read_at: string}} MessageRead
 * @typedef {{conversation_id: number, seq: number, conversation: Conversation}} ConversationCreated
 * @typedef {{conversation_id: number, seq: number, name: string, by: string}} ConversationRenamed
 * @typedef {Participant & {conversation_id: number, seq: number, by: string}} ParticipantJoined
 * @typedef {Identity & {conversation_id: number, seq: number, user_id: string, by: string, owner?: string | null}
 *   } ParticipantLeft
 * @typedef {{notification_ids: number[], conversation_id: number | null, read_at: string}} NotificationsRead
 *
 * @typedef {Object} ServerEvents  by their type
 * @property {Message} new_message
 * @property {MessageEdited} message_edited
 * @property {MessageDeleted} message_deleted
 * @property {ReactionChange} reaction_added
 * @property {ReactionChange} reaction_removed
 * @property {PinChange} message_pinned
 * @property {PinChange} message_unpinned
 * @property {ConversationCreated} conversation_created
 * @property {ConversationRenamed} conversation_renamed
 * @property {ParticipantJoined} participant_joined
 * @property {ParticipantLeft} participant_left
 * @property {UserTyping} user_typing
 * @property {StatusChange} status_change
 * @property {MessageRead} message_read
 * @property {{notification: Notification}} notification
 * @property {NotificationsRead} notifications_read
 */

export {};
