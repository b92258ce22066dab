/** What the server tells, led to where it belongs: each conversation's events in order, once; the cache; the outbox. */

import { Cursors } from "./cursors.js";

/** @typedef {import("./wire.js").Frame} Frame */
/** @typedef {import("./wire.js").DurableFrame} DurableFrame */
/** @typedef {import("./wire.js").Head} Head */
/** @typedef {import("./wire.js").Message} Message */
/** @typedef {import("./wire.js").MessageRead} MessageRead */
/** @typedef {import("./wire.js").Conversation} Conversation */

/**
 * @typedef {Object} FeedEnds
 * @property {import("./cache.js").Cache} cache
 * @property {import("./outbox.js").Outbox} outbox
 * @property {(frame: Frame) => void} tell  an event, in order
 * @property {(conversationId: number) => void} resync
 * @property {(conversationId: number, afterSeq: number) => Promise<unknown>} subscribe
 */

export class Feed {
  #cursors = new Cursors(
    (frame) => this.#applied(frame),
    (id, afterSeq) => this.#repair(id, afterSeq),
  );
  #ends;
  /** Whose connection it is. @type {string | null} */
  userId = null;

  /** @param {FeedEnds} ends */
  constructor(ends) {
    this.#ends = ends;
  }

  /** @returns {Record<string, number> | undefined} what `auth` takes as `resume` */
  resume() {
    return this.#cursors.resume();
  }

  /** With what is cached, and after `auth_success`. @param {Head[]} heads */
  begin(heads) {
    this.#cursors.begin(heads);
  }

  /** @param {Head[]} heads  of conversations of which something may be missing */
  compare(heads) {
    this.#cursors.compare(heads);
  }

  /** After `subscribed`. @param {Head} head */
  replaying(head) {
    this.#cursors.replaying(head);
  }

  /** After `resumed`. @param {Head[]} heads */
  resumed(heads) {
    for (const head of heads) {
      if (head.resync) {
        this.#cursors.restart(head);
        this.#ends.cache.resync(head);
        this.#ends.resync(head.conversation_id);
      } else this.#cursors.replayed(head);
    }
  }

  disconnected() {
    this.#cursors.disconnected();
  }

  /** @param {Frame} frame  an event */
  happened(frame) {
    if (frame.type === "conversation_created") this.#created(frame);
    else if (typeof frame.seq === "number" && typeof frame.conversation_id === "number") {
      this.#cursors.receive(/** @type {DurableFrame} */ (frame));
    } else {
      if (frame.type === "message_read") this.#wasRead(/** @type {Frame & MessageRead} */ (frame));
      this.#ends.tell(frame);
    }
  }

  /** What a reply tells beyond the one who asked. @param {string} type @param {any} fields @param {any} reply */
  learned(type, fields, reply) {
    if (type === "history" && fields.after === undefined) {
      this.#ends.cache.read(fields.conversation_id, reply, fields.before);
    } else if (type === "conversations") this.#met(reply.conversations);
    else if (type === "get_conversation" || type === "create_conversation") this.#met([reply.conversation]);
  }

  /** @param {Frame} frame */
  #created(frame) {
    const { conversation_id, last_seq } = /** @type {Conversation} */ (frame.conversation ?? frame);
    this.#cursors.skipTo(conversation_id, last_seq ?? 0);
    this.#ends.cache.happened(frame);
    this.#ends.tell(frame);
  }

  /** @param {DurableFrame} frame */
  #applied(frame) {
    this.#ends.cache.happened(frame);
    if (frame.type === "new_message") this.#said(/** @type {any} */ (frame));
    if (frame.type === "participant_left" && frame.user_id === this.userId) this.#cursors.forget(frame.conversation_id);
    this.#ends.tell(frame);
  }

  /** @param {Message} message */
  #said(message) {
    const { outbox } = this.#ends;
    const { idempotency_key: key, sender_type, sender_id } = message;
    outbox.noticed(message);
    // Keys are the sender's own.
    if (typeof key === "string" && `${sender_type}_${sender_id}` === this.userId) void outbox.stored(key, message);
  }

  /** @param {Frame & MessageRead} read */
  #wasRead(read) {
    this.#ends.cache.happened(read);
    if (read.user_id !== this.userId) this.#ends.outbox.read(read);
  }

  /** @param {Conversation[]} conversations */
  #met(conversations) {
    this.#ends.cache.told(conversations);
    // Nobody tells again who has read what while we were away.
    for (const { conversation_id, participants } of conversations) {
      for (const { user_id, last_read_message_id: message_id } of participants) {
        if (message_id && user_id !== this.userId) this.#ends.outbox.read({ conversation_id, message_id });
      }
    }
  }

  /** @param {number} id @param {number} afterSeq */
  #repair(id, afterSeq) {
    this.#ends.subscribe(id, afterSeq).catch((fault) => {
      this.#cursors.repairFailed(id);
      if (fault.code === "not_found") this.#cursors.forget(id);
    });
  }
}
