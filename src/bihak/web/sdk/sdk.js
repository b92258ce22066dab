/**
 * The client library of Bihak Messaging, for browsers: `new Bihak({url, token}).connect()`.
 *
 * Keeps one authenticated connection alive, applies each conversation's events exactly once and in order, and sends
 * each message exactly once.
 */

// `../sdk/` finds its neighbours both from /sdk.js and from /sdk/sdk.js, where this file is served.
import { Cache } from "../sdk/cache.js";
import { Commands } from "../sdk/commands.js";
import { Cursors } from "../sdk/cursors.js";
import { Fault } from "../sdk/fault.js";
import { Link } from "../sdk/link.js";
import { Outbox } from "../sdk/outbox.js";
import { Requests } from "../sdk/requests.js";
import { Typing } from "../sdk/typing.js";

export { Fault };

/** @typedef {import("./wire.js").Frame} Frame */
/** @typedef {import("./wire.js").DurableFrame} DurableFrame */
/** @typedef {import("./wire.js").Head} Head */
/** @typedef {import("./wire.js").Welcome} Welcome */
/** @typedef {import("./wire.js").Replies} Replies */
/** @typedef {import("./wire.js").MessageSent} MessageSent */
/** @typedef {import("./wire.js").Conversation} Conversation */
/** @typedef {import("./outbox.js").Entry} Entry */

/** @typedef {import("./contract.js").State} State */
/** @typedef {import("./contract.js").StateChange} StateChange */
/** @typedef {import("./contract.js").Options} Options */
/** @typedef {import("./contract.js").Events} Events */

const TOKEN_REFUSED = 4401;
const SESSION_REVOKED = 4403;
const TRY_AGAIN_LATER = 1013;

export class Bihak extends Commands {
  /** What this person last saw, for a start without network. */
  cache = new Cache();
  #options;
  #link;
  #requests = new Requests((frame) => this.#link.send(frame));
  #cursors = new Cursors(
    (frame) => this.#applied(frame),
    (id, afterSeq) => this.#repair(id, afterSeq),
  );
  #typing = new Typing((type, conversation_id) => this.#ready && this.#link.send({ type, conversation_id }));
  #outbox;
  /** @type {StateChange} */
  #state = { state: "closed" };
  #tokensRefused = 0;
  /** @type {Welcome | null} */
  me = null;

  /** @param {Options} options */
  constructor(options) {
    super();
    this.#options = options;
    this.#outbox = new Outbox({
      post: (entry) => this.#post(entry),
      changed: (entry) => this.#emit("outbox", { ...entry }),
      shelf: options.storage,
      shelfName: options.storageName,
    });
    this.#link = new Link({
      url: options.url,
      random: options.random,
      ends: {
        connecting: () => this.#become({ state: "connecting" }),
        waiting: (retryInMs) => this.#become({ state: "waiting", retryInMs }),
        opened: () => void this.#authenticate(),
        received: (frame) => this.#received(frame),
        closed: (code, reason) => this.#closed(code, reason),
      },
    });
  }

  get state() {
    return this.#state;
  }

  connect() {
    this.#tokensRefused = 0;
    this.#link.start();
    return this;
  }

  /** Tries at once instead of waiting for the backoff to end. */
  reconnectNow() {
    this.#link.wake();
  }

  close() {
    this.#link.stop();
    this.#disconnected();
    this.#become({ state: "closed" });
  }

  /**
   * @template {keyof Events} K
   * @param {K} type @param {(detail: Events[K]) => void} listener
   * @returns {() => void} ends it
   */
  on(type, listener) {
    const wrapped = (/** @type {Event} */ event) => listener(/** @type {CustomEvent<Events[K]>} */ (event).detail);
    this.addEventListener(type, wrapped);
    return () => this.removeEventListener(type, wrapped);
  }

  /**
   * @template {keyof Replies} K
   * @param {K} type @param {object} [fields]
   * @returns {Promise<Replies[K]>} rejects with a Fault
   */
  request(type, fields = {}) {
    return this.#ready ? this.#requests.ask(type, fields) : Promise.reject(Fault.disconnected());
  }

  /**
   * Queues a message; it is sent now or as soon as there is a connection. What becomes of it is told by `outbox`.
   * @param {number} conversationId @param {string} content @param {{replyToId?: number | null}} [options]
   * @returns {Entry}
   */
  send(conversationId, content, { replyToId = null } = {}) {
    this.#typing.stop(conversationId);
    // Whoever writes wants the connection now, whatever the backoff says.
    if (this.#state.state === "waiting") this.#link.wake();
    return this.#outbox.add(conversationId, content, replyToId);
  }

  /** @param {number} [conversationId] */
  unsent(conversationId) {
    return this.#outbox.entries(conversationId);
  }

  /** @param {string} key */
  retry(key) {
    this.#outbox.retry(key);
  }

  /** @param {string} key */
  discard(key) {
    this.#outbox.discard(key);
  }

  /** Call it on every key stroke; few of them become frames. @param {number} conversationId */
  typing(conversationId) {
    if (this.#ready) this.#typing.touch(conversationId);
  }

  /** @param {number} conversationId */
  stopTyping(conversationId) {
    this.#typing.stop(conversationId);
  }

  get #ready() {
    return this.#state.state === "ready";
  }

  async #authenticate() {
    try {
      const resume = this.#cursors.resume();
      const { device } = this.#options;
      this.#welcomed(await this.#requests.ask("auth", { ...(await this.#credential()), resume, device }));
    } catch (error) {
      this.#unwelcome(error);
    }
  }

  async #credential() {
    const { token, participant } = this.#options;
    if (token === undefined) return participant ?? {};
    return { token: typeof token === "function" ? await token() : token };
  }

  /** @param {Welcome} welcome */
  #welcomed(welcome) {
    this.#tokensRefused = 0;
    this.me = welcome;
    this.#become({ state: "ready" });
    this.#emit("ready", welcome);
    this.#outbox.connected();
  }

  /** @param {unknown} error */
  #unwelcome(error) {
    if (!(error instanceof Fault)) this.#link.drop(TRY_AGAIN_LATER, String(error));
    else if (error.code === "disconnected") return;
    else if (error.retryable) this.#link.drop(TRY_AGAIN_LATER, error.message);
    else if (this.#mayTryFreshToken()) this.#link.drop(TRY_AGAIN_LATER, error.message);
    else this.#refuse(error.code, error.message);
  }

  /** A fresh token is worth one try; a second refusal in a row is the server's answer. */
  #mayTryFreshToken() {
    return typeof this.#options.token === "function" && this.#tokensRefused++ === 0;
  }

  /** @param {string} code @param {string} message */
  #refuse(code, message) {
    this.#link.stop();
    this.#disconnected();
    this.#become({ state: "refused", code, message });
  }

  /** @param {number} code @param {string} reason @returns {boolean} whether to connect again */
  #closed(code, reason) {
    this.#disconnected();
    if (code === SESSION_REVOKED) this.#refuse("forbidden", reason || "This session was ended.");
    else if (code === TOKEN_REFUSED && !this.#mayTryFreshToken()) {
      this.#refuse("invalid_token", "The sign-in is no longer valid.");
    }
    return this.#state.state !== "refused";
  }

  #disconnected() {
    this.#cursors.disconnected();
    this.#outbox.disconnected();
    this.#typing.disconnected();
    // The state changes first, or whoever hears of a lost request would ask again on the same dead connection.
    this.#state = { state: "closed" };
    this.#requests.failAll();
  }

  /** @param {Frame} frame */
  #received(frame) {
    switch (frame.type) {
      case "auth_success":
        // At once, not when the promise is continued: the replay is right behind it.
        this.#cursors.begin(/** @type {Head[]} */ (frame.heads ?? []));
        break;
      case "subscribed":
        this.#cursors.replaying(/** @type {Head & Frame} */ (frame));
        break;
      case "resumed":
        return this.#resumed(/** @type {Head[]} */ (frame.conversations));
      case "pong":
        return this.#cursors.compare(/** @type {Head[]} */ (frame.heads ?? []));
    }
    if (frame.request_id !== undefined) this.#requests.settle(frame);
    else if (frame.type === "error") this.#failed(/** @type {any} */ (frame));
    else this.#happened(frame);
  }

  /** @param {Frame} frame */
  #happened(frame) {
    if (frame.type === "conversation_created") {
      const { conversation_id, last_seq } = /** @type {Conversation} */ (frame.conversation ?? frame);
      this.#cursors.skipTo(conversation_id, last_seq ?? 0);
      this.#emit("event", frame);
    } else if (typeof frame.seq === "number" && typeof frame.conversation_id === "number") {
      this.#cursors.receive(/** @type {DurableFrame} */ (frame));
    } else this.#emit("event", frame);
  }

  /** @param {DurableFrame} frame */
  #applied(frame) {
    if (frame.type === "new_message" && typeof frame.idempotency_key === "string" && this.#isMine(frame)) {
      this.#outbox.stored(frame.idempotency_key, /** @type {any} */ (frame));
    }
    if (frame.type === "participant_left" && frame.user_id === this.me?.user_id) {
      this.#cursors.forget(frame.conversation_id);
    }
    this.#emit("event", frame);
  }

  /** @param {Frame} frame */
  #isMine(frame) {
    return frame.sender_type === this.me?.participant_type && frame.sender_id === this.me?.participant_id;
  }

  /** @param {Head[]} heads */
  #resumed(heads) {
    for (const head of heads) {
      if (head.resync) {
        this.#cursors.restart(head);
        this.#emit("resync", { conversation_id: head.conversation_id });
      } else this.#cursors.replayed(head);
    }
  }

  /** @param {number} conversation_id @param {number} after_seq */
  #repair(conversation_id, after_seq) {
    this.request("subscribe_conversation", { conversation_id, after_seq }).catch((fault) => {
      this.#cursors.repairFailed(conversation_id);
      if (fault.code === "not_found") this.#cursors.forget(conversation_id);
    });
  }

  /** @param {import("./wire.js").Failure} failure */
  #failed(failure) {
    if (failure.code === "token_expired" && typeof this.#options.token === "function") void this.#refreshToken();
    this.#emit("error", failure);
  }

  /** The connection stays open while its token is replaced; should that fail, the server closes it and we resume. */
  async #refreshToken() {
    await this.#requests.ask("auth", await this.#credential()).catch(() => {});
  }

  /** @param {Entry} entry @returns {Promise<MessageSent>} */
  #post({ conversation_id, content, reply_to_id, key }) {
    const reply = reply_to_id === null ? {} : { reply_to_id };
    return this.request("message", { conversation_id, content, idempotency_key: key, ...reply });
  }

  /** @param {StateChange} change */
  #become(change) {
    this.#state = change;
    this.#emit("state", change);
  }

  /** @template {keyof Events} K @param {K} type @param {Events[K]} detail */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
