/** @param {Message} message @param {Frame} event @returns {Message} */
export function foldMessage(message: Message, event: Frame): Message;
/** @param {Conversation} conversation @param {Frame} event @param {string} myId @returns {Conversation} */
export function foldConversation(conversation: Conversation, event: Frame, myId: string): Conversation;
/** A `new_message` event as history shows it. @param {Frame} event @returns {Message} */
export function messageOf({ type: _type, ...message }: Frame): Message;
export function senderOf({ sender_type, sender_id }: Message): string;
export type Frame = import("./wire.js").Frame;
export type Message = import("./wire.js").Message;
export type Conversation = import("./wire.js").Conversation;
export type Reaction = import("./wire.js").Reaction;
