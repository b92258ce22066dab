/** The messages on the screen: what is shown of them, and where the reader is among them. */

import { messageRow } from "./bubble.js";
import { KeyedChildren, el, fill } from "./dom.js";
import { icon } from "./icon.js";
import { logRows } from "./rows.js";

/** @typedef {import("../sdk/sdk.js").Bihak} Bihak */
/** @typedef {import("../sdk/wire.js").Conversation} Conversation */
/** @typedef {import("../sdk/wire.js").Message} Message */
/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./rows.js").Row} Row */

const NEAR_BOTTOM_PX = 60;
const NEAR_TOP_PX = 300;
const FLASH_MS = 1_600;
/** A longer way is faster gone than watched. */
const SMOOTH_WITHIN_SCREENS = 4;

export class MessageLog {
  #bihak;
  #store;
  #onReply;
  #rows;
  #list = el("div", { class: "log-list" });
  #scroller = el(
    "div",
    { class: "log", role: "log", "aria-label": "Messages", tabindex: 0, onscroll: () => this.#scrolled() },
    this.#list,
  );
  #jump = el("button", { class: "jump", type: "button", onclick: () => this.#jumpToLatest() });
  node = el("div", { class: "log-frame" }, this.#scroller, this.#jump);
  #resized = new ResizeObserver(() => this.#keepPlace());
  /** @type {Conversation | null} */
  #conversation = null;
  #atBottom = true;
  /** The first page of this conversation is on the screen. */
  #settled = false;
  /** @type {number | null} the message above which "New messages" stands */
  #firstUnread = null;
  #newestSeen = 0;
  #looked = () => this.#attend();

  /** @param {Bihak} bihak @param {Store} store @param {(message: Message) => void} onReply */
  constructor(bihak, store, onReply) {
    this.#bihak = bihak;
    this.#store = store;
    this.#onReply = onReply;
    this.#rows = this.#freshRows();
    this.#resized.observe(this.#scroller);
    document.addEventListener("visibilitychange", this.#looked);
  }

  end() {
    this.#resized.disconnect();
    document.removeEventListener("visibilitychange", this.#looked);
  }

  /** @param {Conversation} conversation */
  render(conversation) {
    const id = conversation.conversation_id;
    const { state } = this.#store;
    const timeline = state.timeline(id);
    if (this.#conversation?.conversation_id !== id) this.#enter();
    this.#conversation = conversation;
    const settling = !this.#settled && timeline.loaded;
    if (settling)
      this.#firstUnread = firstUnread(timeline.messages, conversation.unread, (message) => state.isMine(message));

    const unsent = this.#bihak.unsent(id);
    const rows = logRows({ state, conversation, unsent, firstUnread: this.#firstUnread });
    const anchor = this.#atBottom ? null : this.#anchor();
    this.#scroller.setAttribute("aria-busy", String(timeline.loading || !this.#settled));
    this.#rows.show(rows);
    this.#list.classList.toggle("is-empty", timeline.loaded && rows.length === 0);

    if (settling) this.#settle();
    else if (anchor) this.#restore(anchor);
    else if (this.#atBottom) this.#toBottom();
    if (timeline.loaded && this.#newestSeen === 0) this.#newestSeen = timeline.messages.at(-1)?.seq ?? 0;
    this.#renderJump();
    this.#attend();
    this.#fillScreen();
  }

  #freshRows() {
    return new KeyedChildren(this.#list, (/** @type {Row} */ row, isNew) =>
      messageRow(row, {
        arrives: isNew && this.#settled && this.#atBottom,
        onReply: this.#onReply,
        onShow: (messageId) => this.#showMessage(messageId),
        onRetry: (key) => this.#bihak.retry(key),
        onDiscard: (key) => this.#bihak.discard(key),
      }),
    );
  }

  #enter() {
    fill(this.#list);
    this.#rows = this.#freshRows();
    this.#settled = false;
    this.#atBottom = true;
    this.#firstUnread = null;
    this.#newestSeen = 0;
  }

  /** The first look at a conversation begins at what is new in it. */
  #settle() {
    this.#settled = true;
    const divider = this.#firstUnread === null ? undefined : this.#rows.node("unread");
    this.#toBottom();
    if (divider && divider.offsetTop < this.#scroller.scrollTop) {
      this.#scroller.scrollTop = divider.offsetTop - this.#scroller.clientHeight / 4;
      this.#atBottom = this.#isAtBottom();
    }
  }

  /** @param {ScrollBehavior} [behavior] */
  #toBottom(behavior = "instant") {
    this.#atBottom = true;
    this.#scroller.scrollTo({ top: this.#scroller.scrollHeight, behavior });
  }

  #jumpToLatest() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#toBottom(scrollHeight - scrollTop < SMOOTH_WITHIN_SCREENS * clientHeight ? "smooth" : "instant");
  }

  #isAtBottom() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < NEAR_BOTTOM_PX;
  }

  #scrolled() {
    this.#atBottom = this.#isAtBottom();
    this.#renderJump();
    this.#attend();
    if (this.#settled) this.#fillScreen();
  }

  /** The keyboard of a phone, or a longer draft, takes room away. */
  #keepPlace() {
    if (this.#atBottom) this.#toBottom();
  }

  #fillScreen() {
    if (this.#conversation && this.#settled && this.#scroller.scrollTop < NEAR_TOP_PX) {
      void this.#store.history.more(this.#conversation.conversation_id, "older");
    }
  }

  #attend() {
    this.#store.attend(this.#settled && this.#atBottom && !document.hidden && this.#scroller.offsetParent !== null);
    if (!this.#atBottom || !this.#conversation) return;
    const newest = this.#store.state.timeline(this.#conversation.conversation_id).messages.at(-1);
    this.#newestSeen = newest?.seq ?? this.#newestSeen;
  }

  #renderJump() {
    if (!this.#conversation) return;
    const { messages } = this.#store.state.timeline(this.#conversation.conversation_id);
    const below = messages.filter(({ seq }) => seq > this.#newestSeen).length;
    this.#jump.hidden = this.#atBottom || !this.#settled;
    const print = String(below);
    if (this.#jump.dataset.shown === print) return;
    this.#jump.dataset.shown = print;
    this.#jump.setAttribute("aria-label", below > 0 ? `Jump to ${below} new` : "Jump to latest");
    fill(this.#jump, below > 0 ? el("span", { class: "badge" }, print) : null, icon("down"));
  }

  /** @returns {{key: string, top: number} | null} what the reader is looking at, and where on the screen it is */
  #anchor() {
    const edge = this.#scroller.scrollTop;
    for (const [key, node] of this.#rows.entries()) {
      if (node.offsetTop + node.offsetHeight > edge) return { key, top: node.offsetTop - edge };
    }
    return null;
  }

  /** @param {{key: string, top: number}} anchor */
  #restore({ key, top }) {
    const node = this.#rows.node(key);
    // Writing the same place again would end a smooth scroll that is under way.
    if (node && node.offsetTop - top !== this.#scroller.scrollTop) this.#scroller.scrollTop = node.offsetTop - top;
  }

  /** @param {number} messageId */
  #showMessage(messageId) {
    const node = this.#list.querySelector(`[data-message-id="${messageId}"]`);
    if (!(node instanceof HTMLElement)) return;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    node.scrollIntoView({ block: "center", behavior: still ? "instant" : "smooth" });
    node.classList.add("flash");
    setTimeout(() => node.classList.remove("flash"), FLASH_MS);
  }
}

/**
 * @param {readonly Message[]} messages @param {number} unread @param {(message: Message) => boolean} isMine
 * @returns {number | null} a message id
 */
function firstUnread(messages, unread, isMine) {
  const theirs = messages.filter((message) => !isMine(message));
  return unread > 0 ? (theirs[Math.max(0, theirs.length - unread)]?.message_id ?? null) : null;
}
