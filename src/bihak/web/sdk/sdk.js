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

import { Cache } from "./cache.js";
import { Commands } from "./commands.js";
import { Feed } from "./feed.js";
import { Keep } from "./keep.js";
import { Link } from "./link.js";
import { Outbox } from "./outbox.js";
import { Fault, Requests } from "./requests.js";
import { Credentials, SignIn } from "./signin.js";
import { Typing } from "./typing.js";

export { Fault };

/** @typedef {import("./wire.js").Frame} Frame */
/** @typedef {import("./wire.js").Head} Head */
/** @typedef {import("./wire.js").Welcome} Welcome */
/** @typedef {import("./wire.js").Replies} Replies */
/** @typedef {import("./wire.js").MessageSent} MessageSent */
/** @typedef {import("./outbox.js").Entry} Entry */

/** @typedef {import("./contract.js").State} State */
/** @typedef {import("./contract.js").StateChange} StateChange */
/** @typedef {import("./contract.js").Options} Options */
/** @typedef {import("./contract.js").Events} Events */

/** Names that no event of the server may take. */
const OWN_EVENTS = new Set(["event", "ready", "resync", "outbox", "state", "error"]);

export class Bihak extends Commands {
  /** What this person last saw, for a start without network. */
  cache = new Cache();
  /** @type {Welcome | null} */
  me = null;
  #link;
  #requests = new Requests((frame) => this.#transmit(frame));
  #typing = new Typing((type, conversation_id) => this.#ready && this.#transmit({ type, conversation_id }));
  #outbox;
  #feed;
  #credentials;
  #keep;
  #signIn;
  /** @type {StateChange} */
  #state = { state: "closed" };

  /** @param {Options} options */
  constructor(options) {
    super();
    const url = options.url.replace(/^http/, "ws");
    const Socket = options.WebSocket ?? globalThis.WebSocket;
    if (!Socket) throw new TypeError('There is no WebSocket here: pass one, as in `import WebSocket from "ws"`.');
    this.#outbox = new Outbox({
      post: (entry) => this.#post(entry),
      changed: (entry) => this.#emit("outbox", { ...entry }),
      random: options.random,
    });
    this.#feed = new Feed({
      cache: this.cache,
      outbox: this.#outbox,
      tell: (frame) => this.#tell(frame),
      resync: (conversation_id) => this.#emit("resync", { conversation_id }),
      subscribe: (id, afterSeq) => this.subscribe(id, afterSeq),
    });
    this.#link = new Link({
      url,
      Socket,
      random: options.random,
      ends: {
        connecting: () => this.#become({ state: "connecting" }),
        waiting: (retryInMs) => this.#become({ state: "waiting", retryInMs }),
        opened: () => void this.#signIn.begin(),
        received: (frame) => this.#received(frame),
        closed: (code, reason) => this.#closed(code, reason),
      },
    });
    this.#credentials = new Credentials(options);
    const { cache } = this;
    this.#keep = new Keep({ url, storage: options.storage, feed: this.#feed, outbox: this.#outbox, cache });
    this.#signIn = new SignIn({
      credentials: this.#credentials,
      keep: this.#keep,
      resume: () => this.#feed.resume(),
      device: options.device,
      status: options.status,
      ask: (fields) => this.#requests.ask("auth", fields),
      drop: (code, reason) => this.#link.drop(code, reason),
      welcomed: (welcome, resumed) => this.#welcomed(welcome, resumed),
      refused: (code, message) => this.#refuse(code, message),
    });
    void this.#keep.belongTo(options.userId ?? this.#credentials.owner);
  }

  get state() {
    return this.#state;
  }

  connect() {
    this.#credentials.accepted();
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
    await this.#keep.forget();
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
    this.#feed.learned(type, fields, reply);
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

  /** @param {Welcome} welcome @param {boolean} resumed */
  #welcomed(welcome, resumed) {
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

  /** @param {string} code @param {string} message */
  #refuse(code, message) {
    this.#link.stop();
    this.#disconnected();
    this.#become({ state: "refused", code, message });
  }

  /** @param {number} code @param {string} reason @returns {boolean} whether to connect again */
  #closed(code, reason) {
    this.#disconnected();
    this.#signIn.closed(code, reason);
    return this.#state.state !== "refused";
  }

  #disconnected() {
    this.#signIn.disconnected();
    this.#feed.disconnected();
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
        this.#feed.replaying(/** @type {Head & Frame} */ (frame));
        break;
      case "resumed":
        return this.#feed.resumed(/** @type {Head[]} */ (frame.conversations));
      case "pong":
        this.#feed.compare(/** @type {Head[]} */ (frame.heads ?? []));
    }
    if (frame.request_id !== undefined) this.#requests.settle(frame);
    else if (frame.type === "error") this.#failed(/** @type {any} */ (frame));
    else if (frame.type !== "pong") this.#feed.happened(frame);
  }

  /** At once, not when the promise is continued: the replay is right behind it. @param {Head[]} heads */
  #begun(heads) {
    // A refreshed token replays nothing.
    if (this.#ready) this.#feed.compare(heads);
    else this.#feed.begin(heads);
  }

  /** @param {import("./wire.js").Failure} failure */
  #failed(failure) {
    if (failure.code === "token_expired" && this.#credentials.renewable) void this.#signIn.refresh();
    this.#emit("error", failure);
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
