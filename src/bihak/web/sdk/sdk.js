/**
 * The client library of Bihak Messaging, for browsers and Node: `new Bihak({url, token}).connect()`.
 *
 * Keeps one authenticated connection alive, applies each conversation's events exactly once and in order, and sends each
 * message exactly once, in the order written, over reconnects, reloads and several tabs. `send` queues a message and
 * tells by `outbox` what becomes of it; the methods of `commands.js` ask the server; `cache` is what to show before it
 * answers. Types are in `/sdk/types/sdk.d.ts`.
 *
 * Node 22 has a WebSocket. Node 20 has one behind `--experimental-websocket`, or takes that of the package `ws`:
 * `new Bihak({url, token, WebSocket})`.
 */

// `../sdk/` finds its neighbours both from /sdk.js and from /sdk/sdk.js, where this file is served.
import { Cache } from "../sdk/cache.js";
import { closingOf } from "../sdk/closing.js";
import { Commands } from "../sdk/commands.js";
import { Cursors } from "../sdk/cursors.js";
import { Database } from "../sdk/database.js";
import { Fault } from "../sdk/fault.js";
import { Link } from "../sdk/link.js";
import { Outbox } from "../sdk/outbox.js";
import { databaseName, ownerOf } from "../sdk/owner.js";
import { Requests } from "../sdk/requests.js";
import { DatabaseShelf } from "../sdk/shelf.js";
import { Turns } from "../sdk/turns.js";
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

const TRY_AGAIN_LATER = 1013;

export class Bihak extends Commands {
  /** What this person last saw, for a start without network. */
  cache = new Cache();
  /** @type {Welcome | null} */
  me = null;
  #options;
  #link;
  #requests = new Requests((frame) => this.#transmit(frame));
  #cursors = new Cursors(
    (frame) => this.#applied(frame),
    (id, afterSeq) => this.#repair(id, afterSeq),
  );
  #typing = new Typing((type, conversation_id) => this.#ready && this.#transmit({ type, conversation_id }));
  #outbox;
  /** @type {StateChange} */
  #state = { state: "closed" };
  #attempts = 0;
  #tokensRefused = 0;
  /** Whose messages these are. @type {string | null} */
  #owner = null;
  #restored = Promise.resolve();
  /** @type {Promise<Database | null>} */
  #database = Promise.resolve(null);

  /** @param {Options} options */
  constructor(options) {
    super();
    const url = options.url.replace(/^http/, "ws");
    const Socket = options.WebSocket ?? globalThis.WebSocket;
    if (!Socket) throw new TypeError('There is no WebSocket here: pass one, as in `import WebSocket from "ws"`.');
    this.#options = { ...options, url };
    this.#outbox = new Outbox({
      post: (entry) => this.#post(entry),
      changed: (entry) => this.#emit("outbox", { ...entry }),
      random: options.random,
    });
    this.#link = new Link({
      url,
      Socket,
      random: options.random,
      ends: {
        connecting: () => this.#become({ state: "connecting" }),
        waiting: (retryInMs) => this.#become({ state: "waiting", retryInMs }),
        opened: () => void this.#authenticate(),
        received: (frame) => this.#received(frame),
        closed: (code, reason) => this.#closed(code, reason),
      },
    });
    const owner = options.userId ?? ownerOf({ token: options.token, ...options.participant });
    if (owner) this.#restored = this.#restore(owner);
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

  /** Ends the connection. What is not sent yet is kept, for the next time. */
  close() {
    this.#link.stop();
    this.#disconnected();
    this.#outbox.close();
    this.#become({ state: "closed" });
  }

  /** Ends the connection, and forgets what this browser knows of the person: the cache, and what is not sent. */
  async signOut() {
    this.close();
    await this.#forget();
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
   * Any command, by the `type` and the fields of its frame.
   * @override
   * @template {keyof Replies} K
   * @param {K} type @param {object} [fields]
   * @returns {Promise<Replies[K]>} rejects with a Fault
   */
  async request(type, fields = {}) {
    if (!this.#ready) throw Fault.disconnected();
    const reply = await this.#requests.ask(type, fields);
    this.#learned(type, fields, reply);
    return reply;
  }

  /**
   * Queues a message; it is sent now or as soon as there is a connection. What becomes of it is told by `outbox`.
   * @param {number} conversationId @param {string} content @param {{replyToId?: number | null}} [options]
   * @returns {Entry}
   */
  send(conversationId, content, { replyToId = null } = {}) {
    this.#typing.stop(conversationId);
    // Whoever writes wants the connection now, whatever the backoff says.
    this.#link.want();
    return this.#outbox.add(conversationId, content, replyToId);
  }

  /** @param {number} [conversationId] */
  unsent(conversationId) {
    return this.#outbox.entries(conversationId);
  }

  /** @param {string} key */
  retry(key) {
    return this.#outbox.retry(key);
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

  /** Opens what this browser has kept for the person. @param {string} owner */
  async #restore(owner) {
    const { storage, url } = this.#options;
    this.#owner = owner;
    if (storage) await this.#outbox.adopt(storage);
    if (storage !== undefined) return;
    const name = databaseName(url, owner);
    this.#database = Database.open(name);
    this.cache.adopt(owner, this.#database);
    const database = await this.#database;
    if (!database) return;
    await this.#outbox.adopt(new DatabaseShelf(database), new Turns(name, () => void this.#outbox.refresh()));
    this.#cursors.begin(await this.cache.heads());
  }

  async #forget() {
    await Promise.all([this.#outbox.clear(), this.cache.clear()]);
    const database = await this.#database;
    database?.close();
    if (database && this.#owner) Database.forget(databaseName(this.#options.url, this.#owner));
  }

  async #authenticate() {
    const attempt = ++this.#attempts;
    const isOver = () => attempt !== this.#attempts;
    try {
      const credential = await this.#credential();
      if (isOver()) return;
      await this.#belongTo(ownerOf(credential));
      if (isOver()) return;
      const resume = this.#cursors.resume();
      const { device } = this.#options;
      const welcome = await this.#requests.ask("auth", { ...credential, resume, device });
      await this.#belongTo(welcome.user_id);
      if (!isOver()) this.#welcomed(welcome, resume !== undefined);
    } catch (error) {
      if (!isOver()) this.#unwelcome(error);
    }
  }

  async #credential() {
    const { token, participant } = this.#options;
    if (token === undefined) return participant ?? {};
    return { token: typeof token === "function" ? await token() : token };
  }

  /** What was written by one person is never sent as another. @param {string | null} userId */
  async #belongTo(userId) {
    if (userId && this.#owner && userId !== this.#owner) throw Fault.anotherPerson();
    if (userId && !this.#owner) this.#restored = this.#restore(userId);
    await this.#restored;
  }

  /** @param {Welcome} welcome @param {boolean} resumed */
  #welcomed(welcome, resumed) {
    this.#tokensRefused = 0;
    this.me = welcome;
    this.#become({ state: "ready" });
    this.#emit("ready", welcome);
    this.#outbox.connected();
    void this.#reconcile(welcome, resumed);
  }

  /** @param {Welcome} welcome @param {boolean} resumed */
  async #reconcile(welcome, resumed) {
    const me = { ...welcome, name: welcome.name ?? welcome.user_id };
    const outdated = await this.cache.began(me, welcome.conversations, resumed);
    for (const conversation_id of outdated) this.#emit("resync", { conversation_id });
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
    const { final, freshToken } = closingOf(code);
    if (final) {
      this.#refuse("revoked", reason || "This session was ended.");
      void this.#forget();
    } else if (freshToken && !this.#mayTryFreshToken()) {
      this.#refuse("invalid_token", "The sign-in is no longer valid.");
    }
    return this.#state.state !== "refused";
  }

  #disconnected() {
    this.#attempts += 1;
    this.#cursors.disconnected();
    this.#outbox.disconnected();
    this.#typing.disconnected();
    // The state changes first, or whoever hears of a lost request would ask again on the same dead connection.
    this.#state = { state: "closed" };
    this.#requests.failAll();
  }

  /** @param {Frame} frame @returns {boolean} whether there was a connection to hand it to; throws a Fault */
  #transmit(frame) {
    const text = JSON.stringify(frame);
    // The server ends a connection for it, and a message in the outbox would do so again and again.
    const limit = this.me?.limits?.max_frame_bytes ?? Infinity;
    if (3 * text.length > limit && new TextEncoder().encode(text).length > limit) throw Fault.tooLarge();
    return this.#link.send(text);
  }

  /** @param {Frame} frame */
  #received(frame) {
    switch (frame.type) {
      case "auth_success":
        this.#begun(/** @type {Head[]} */ (frame.heads ?? []));
        break;
      case "subscribed":
        this.#cursors.replaying(/** @type {Head & Frame} */ (frame));
        break;
      case "resumed":
        return this.#resumed(/** @type {Head[]} */ (frame.conversations));
      case "pong":
        this.#cursors.compare(/** @type {Head[]} */ (frame.heads ?? []));
    }
    if (frame.request_id !== undefined) this.#requests.settle(frame);
    else if (frame.type === "error") this.#failed(/** @type {any} */ (frame));
    else if (frame.type !== "pong") this.#happened(frame);
  }

  /** At once, not when the promise is continued: the replay is right behind it. @param {Head[]} heads */
  #begun(heads) {
    // A refreshed token replays nothing.
    if (this.#ready) this.#cursors.compare(heads);
    else this.#cursors.begin(heads);
  }

  /** @param {Frame} frame */
  #happened(frame) {
    if (frame.type === "conversation_created") {
      const { conversation_id, last_seq } = /** @type {Conversation} */ (frame.conversation ?? frame);
      this.#cursors.skipTo(conversation_id, last_seq ?? 0);
      this.cache.happened(frame);
      this.#tell(frame);
    } else if (typeof frame.seq === "number" && typeof frame.conversation_id === "number") {
      this.#cursors.receive(/** @type {DurableFrame} */ (frame));
    } else {
      if (frame.type === "message_read") this.#wasRead(/** @type {any} */ (frame));
      this.#tell(frame);
    }
  }

  /** @param {DurableFrame} frame */
  #applied(frame) {
    this.cache.happened(frame);
    if (frame.type === "new_message") this.#outbox.noticed(/** @type {any} */ (frame));
    if (frame.type === "new_message" && typeof frame.idempotency_key === "string" && this.#isMine(frame)) {
      void this.#outbox.stored(frame.idempotency_key, /** @type {any} */ (frame));
    }
    if (frame.type === "participant_left" && frame.user_id === this.me?.user_id) {
      this.#cursors.forget(frame.conversation_id);
    }
    this.#tell(frame);
  }

  /** @param {Frame} frame */
  #isMine(frame) {
    return `${frame.sender_type}_${frame.sender_id}` === this.#owner;
  }

  /** @param {Frame & import("./wire.js").MessageRead} read */
  #wasRead(read) {
    this.cache.happened(read);
    if (read.user_id !== this.#owner) this.#outbox.read(read);
  }

  /** What a reply tells beyond the one who asked. @param {string} type @param {any} fields @param {any} reply */
  #learned(type, fields, reply) {
    if (type === "history" && fields.after === undefined) {
      this.cache.read(fields.conversation_id, reply, fields.before);
    } else if (type === "conversations") this.#met(reply.conversations);
    else if (type === "get_conversation" || type === "create_conversation") this.#met([reply.conversation]);
  }

  /** @param {Conversation[]} conversations */
  #met(conversations) {
    this.cache.told(conversations);
    // Nobody tells again who has read what while we were away.
    for (const { conversation_id, participants } of conversations) {
      for (const { user_id, last_read_message_id: message_id } of participants) {
        if (message_id && user_id !== this.#owner) this.#outbox.read({ conversation_id, message_id });
      }
    }
  }

  /** @param {Head[]} heads */
  #resumed(heads) {
    for (const head of heads) {
      if (head.resync) {
        this.#cursors.restart(head);
        this.cache.resync(head);
        this.#emit("resync", { conversation_id: head.conversation_id });
      } else this.#cursors.replayed(head);
    }
  }

  /** @param {number} conversation_id @param {number} after_seq */
  #repair(conversation_id, after_seq) {
    this.subscribe(conversation_id, after_seq).catch((fault) => {
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
    try {
      await this.#requests.ask("auth", await this.#credential());
    } catch {
      // Told by the close that follows.
    }
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

  /** An event of the server, to those who listen to all of them and to those who listen to its type. @param {Frame} frame */
  #tell(frame) {
    this.#emit("event", frame);
    if (!OWN_EVENTS.has(frame.type)) this.dispatchEvent(new CustomEvent(frame.type, { detail: frame }));
  }

  /** @template {keyof Events} K @param {K} type @param {Events[K]} detail */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** Names that no event of the server may take. */
const OWN_EVENTS = new Set(["event", "ready", "resync", "outbox", "state", "error"]);
