/**
 * What travels on the wire, as types; docs/protocol is the contract. Unknown fields and types are to be ignored.
 *
 * @typedef {{type: string, [field: string]: unknown}} Frame
 *
 * @typedef {"online" | "away" | "offline"} Status
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
 * @typedef {Object} Message
 * @property {number} message_id
 * @property {number} conversation_id
 * @property {string} sender_type
 * @property {number} sender_id
 * @property {string} sender_name
 * @property {string} content
 * @property {number | null} [reply_to_id]
 * @property {string} created_at
 * @property {number} seq
 * @property {string | null} [idempotency_key]
 * @property {string | null} [edited_at]
 * @property {string | null} [deleted_at]
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
 * @typedef {Object} Welcome
 * @property {string} user_id
 * @property {string} participant_type
 * @property {number} participant_id
 * @property {string} [name]
 * @property {number[]} conversations
 * @property {Head[]} [heads]
 *
 * @typedef {Object} MessageSent
 * @property {number} message_id
 * @property {number} conversation_id
 * @property {number} seq
 * @property {string} created_at
 * @property {boolean} [duplicate]
 *
 * @typedef {Object} Failure
 * @property {string} message
 * @property {string} [code]
 * @property {boolean} [retryable]
 * @property {number} [retry_after]
 *
 * @typedef {Object} Replies
 * @property {{conversations: Conversation[], has_more: boolean}} conversations
 * @property {{conversation_id: number, messages: Message[], has_more: boolean}} history
 * @property {MessageSent} message
 * @property {{conversation_id: number, last_seq: number}} subscribe_conversation
 * @property {Welcome} auth
 * @property {{}} mark_read
 * @property {{heads?: Head[]}} ping
 *
 * @typedef {Frame & {conversation_id: number, seq: number}} DurableFrame
 * @typedef {{conversation_id: number, seq: number, message_id: number}} MessageChange
 * @typedef {MessageChange & {content: string, edited_at: string}} MessageEdited
 * @typedef {MessageChange & {deleted_at: string}} MessageDeleted
 * @typedef {Identity & {conversation_id: number, user_id: string, name?: string, is_typing: boolean}} UserTyping
 * @typedef {Identity & {user_id: string, status: Status, last_seen_at?: string | null}} StatusChange
 * @typedef {Identity & {conversation_id: number, user_id: string, message_id: number}} MessageRead
 */

export {};
