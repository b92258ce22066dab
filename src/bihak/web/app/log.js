/** The messages on the screen: which of them are shown, and where the reader is among them. */

import { Places } from "./belongings.js";
import { Press, el } from "./dom.js";
import { LogList } from "./loglist.js";
import { Span, firstUnread } from "./rows.js";
import { Viewport } from "./viewport.js";
import { t } from "./words.js";

/** @typedef {import("../sdk/sdk.js").Bihak} Bihak */
/** @typedef {import("../sdk/wire.js").Conversation} Conversation */
/** @typedef {import("../sdk/wire.js").Message} Message */
/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./timeline.js").Side} Side */

/** @typedef {{reply: (message: Message) => void, tell: (words: string) => void, write: () => void}} Around */

const FLASH_MS = 1_600;
/** Rows are added when one comes so near to their end, in screens; pages are fetched a little before. */
const NEAR_SCREENS = 1;
const FETCH_SCREENS = 3;
const LEAST_PX = 600;

export class MessageLog {
  #bihak;
  #store;
  #around;
  #list;
  #press;
  #scroller;
  /** @type {Viewport} */
  #viewport;
  #span = new Span();
  /** @type {import("./logtools.js").LogTools | null} */
  #tools = null;
  node;
  #resized = new ResizeObserver(() => this.#viewport.restore());
  /** @type {Conversation | null} */
  #conversation = null;
  /** The first page of this conversation is on the screen. */
  #settled = false;
  /** @type {number | null} the message above which "New messages" stands */
  #firstUnread = null;
  /** How far it had been read when it was opened. @type {number | null | undefined} */
  #readBefore;
  #looked = () => this.#attend();
  #left = () => this.#keepPlace();
  #places;
  /** Where one was reading here, to be gone back to. @type {import("./belongings.js").Place | undefined} */
  #place;

  /** @param {Bihak} bihak @param {Store} store @param {Around} around */
  constructor(bihak, store, around) {
    this.#bihak = bihak;
    this.#store = store;
    this.#around = around;
    this.#places = new Places(() => store.state.myId);
    this.#list = new LogList(bihak, store, {
      arrives: () => this.#settled && this.#viewport.atBottom,
      show: (messageId) => void this.showMessage(messageId),
    });
    this.#press = new Press(this.#list.node, () => this.#conversation && this.render(this.#conversation));
    const props = { class: "log", role: "log", "aria-live": "off", "aria-label": t("log.label") };
    this.#scroller = el("div", { ...props, onscroll: () => this.#scrolled() }, this.#list.node);
    this.#viewport = new Viewport(this.#scroller, this.#list.node);
    this.node = el("div", { class: "log-frame" }, this.#scroller);
    this.#resized.observe(this.#scroller);
    this.#resized.observe(this.#list.node);
    document.addEventListener("visibilitychange", this.#looked);
    addEventListener("pagehide", this.#left);
  }

  /** The first picture is there. @param {typeof import("./logtools.js").LogTools} LogTools */
  complete(LogTools) {
    this.#tools = new LogTools(this.#bihak, this.#store, this.#viewport, this.#list.node, {
      ...this.#around,
      find: (row) => {
        const message = row ? this.#timeline?.find(Number(row.dataset.row)) : undefined;
        return message?.deleted_at ? undefined : message;
      },
      changed: () => this.#draw(),
      toEnd: () => this.toLatest(),
      jump: () => void this.toLatest({ smooth: true }),
    });
    this.node.append(this.#tools.jump);
    this.#attend();
    this.#list.complete(this.#tools);
  }

  /** What one does with messages is at hand. */
  loaded() {
    this.#tools?.with(() => {});
  }

  end() {
    this.#keepPlace();
    removeEventListener("pagehide", this.#left);
    this.#resized.disconnect();
    document.removeEventListener("visibilitychange", this.#looked);
  }

  /** @param {Conversation} conversation */
  render(conversation) {
    if (this.#conversation?.conversation_id !== conversation.conversation_id) this.#enter(conversation);
    this.#conversation = conversation;
    const timeline = this.#store.state.timeline(conversation.conversation_id);
    this.#scroller.setAttribute("aria-busy", String(timeline.loading || !this.#settled));
    if (!timeline.loaded && this.#settled) return;
    if (!this.#settled && this.#place && timeline.loading && !timeline.find(this.#place.messageId)) return;
    const isNothing = !timeline.loaded && this.#bihak.unsent(conversation.conversation_id).length === 0;
    if (timeline.loaded && !this.#settled) this.#settle(conversation);
    // Measuring an empty list costs as much as a full one.
    else if (!this.#press.isDown && (!isNothing || !this.#list.isEmpty)) this.#draw();
    this.#reach();
    this.#attend();
  }

  /**
   * Edits the last message that is one's own and on the page.
   * @param {() => boolean} isWanted  still, once the editor is here
   * @returns {boolean} whether there is one
   */
  editLast(isWanted) {
    const last = this.#messages.findLast((message) => this.#store.state.isMine(message) && !message.deleted_at);
    if (!last || !this.#isAtEnd) return false;
    this.#list.with((tools) => tools.edit(last, { back: this.#around.write, isWanted }));
    return true;
  }

  /** @param {{smooth?: boolean}} [how] */
  async toLatest({ smooth = false } = {}) {
    const timeline = this.#timeline;
    if (!this.#conversation || !timeline) return;
    const id = this.#conversation.conversation_id;
    if (timeline.hasNewer && !(await this.#store.history.latest(id))) return;
    if (this.#conversation.conversation_id !== id) return;
    const isHere = this.#span.isAtEnd(this.#messages);
    if (!isHere) this.#span.toEnd(this.#messages);
    this.#viewport.atBottom = isHere && smooth ? this.#viewport.atBottom : true;
    this.#draw();
    this.#viewport.toBottom({ smooth: smooth && isHere });
    this.#reach();
    this.#attend();
  }

  /** Shows a message, wherever in the conversation it is. @param {number} messageId */
  async showMessage(messageId) {
    const timeline = this.#timeline;
    if (!this.#conversation || !timeline) return;
    const id = this.#conversation.conversation_id;
    if (!timeline.find(messageId)) {
      const found = await this.#store.history.around(id, messageId);
      if (this.#conversation.conversation_id !== id) return;
      if (!found) return this.#around.tell(t("log.gone"));
    }
    this.#settled = true;
    const seq = timeline.seqOf(messageId);
    if (!this.#list.rowOf(messageId)) this.#span.around(this.#messages, seq);
    this.#viewport.atBottom = false;
    this.#draw();
    const row = this.#list.rowOf(messageId);
    if (!row) return;
    this.#viewport.toNode(row, 0.4);
    this.#reach();
    row.focus({ preventScroll: true });
    row.classList.add("flash");
    setTimeout(() => row.classList.remove("flash"), FLASH_MS);
  }

  get #timeline() {
    return this.#conversation && this.#store.state.timeline(this.#conversation.conversation_id);
  }

  get #messages() {
    return this.#timeline?.messages ?? [];
  }

  get #isAtEnd() {
    return !this.#timeline?.hasNewer && this.#span.isAtEnd(this.#messages);
  }

  /** @param {Conversation} conversation */
  #enter(conversation) {
    this.#keepPlace();
    const { conversation_id: id } = conversation;
    this.#place = this.#places.find(id);
    if (!this.#place) this.#store.history.enter(conversation);
    else if (!this.#store.state.timeline(id).find(this.#place.messageId))
      void this.#store.history.around(id, this.#place.messageId);
    this.#list.clear();
    this.#settled = false;
    this.#viewport.atBottom = true;
    this.#firstUnread = null;
    this.#readBefore = conversation.unread > 0 ? conversation.last_read_message_id : undefined;
  }

  #keepPlace() {
    if (!this.#conversation || !this.#settled) return;
    const place = this.#viewport.atBottom ? undefined : this.#viewport.place;
    this.#places.keep(this.#conversation.conversation_id, place);
  }

  /** The first look at a conversation begins at what is new in it. @param {Conversation} conversation */
  #settle(conversation) {
    const { state } = this.#store;
    const messages = this.#messages;
    this.#firstUnread = firstUnread(messages, this.#readBefore, conversation.unread, (message) => state.isMine(message));
    const place = this.#place && state.timeline(conversation.conversation_id).find(this.#place.messageId);
    if (place) return this.#goBack(place, this.#place?.top ?? 0);
    const at = this.#timeline?.hasNewer ? state.timeline(conversation.conversation_id).find(this.#firstUnread ?? 0) : null;
    if (at) this.#span.around(messages, at.seq);
    else this.#span.toEnd(messages);
    this.#viewport.atBottom = this.#isAtEnd;
    this.#draw();
    this.#settled = true;
    const divider = this.#firstUnread === null ? undefined : this.#list.divider;
    if (!divider) return;
    const isAbove = divider.offsetTop < this.#scroller.scrollTop;
    if (isAbove || at) this.#viewport.toNode(divider, 0.25);
    this.#viewport.atBottom = this.#isAtEnd && this.#viewport.isNearBottom;
  }

  /** To where one was reading when one left. @param {Message} message @param {number} top */
  #goBack({ message_id, seq }, top) {
    this.#span.around(this.#messages, seq);
    this.#viewport.atBottom = false;
    this.#draw();
    this.#settled = true;
    const row = this.#list.rowOf(message_id);
    if (row) this.#viewport.putBack(row, top);
  }

  /** Puts the rows on the page, and leaves the reader where they are. */
  #draw() {
    const conversation = this.#conversation;
    if (!conversation) return;
    const { state } = this.#store;
    const id = conversation.conversation_id;
    const messages = state.timeline(id).loaded ? this.#messages : [];
    this.#span.fit(messages, () => (this.#viewport.above < this.#viewport.below ? "older" : "newer"));
    // What is loaded now need not join what was: the rows of before say nothing of it.
    if (this.#span.start(messages) >= this.#span.end(messages)) this.#span.toEnd(messages);
    if (this.#settled) this.#lookAgain();
    this.#list.draw({
      conversation,
      messages,
      start: this.#span.start(messages),
      end: this.#span.end(messages),
      unsent: this.#isAtEnd ? this.#bihak.unsent(id) : [],
      firstUnread: this.#firstUnread,
    });
    this.#viewport.restore();
  }

  /** Before rows change: the reader may have moved since, or what is on the page have grown, and nobody been told yet. */
  #lookAgain() {
    if (!this.#viewport.hasMoved) return this.#viewport.restore();
    this.#viewport.atBottom = this.#isAtEnd && this.#viewport.isNearBottom;
    this.#viewport.remember();
  }

  #scrolled() {
    if (!this.#settled) return;
    this.#viewport.atBottom = this.#isAtEnd && this.#viewport.isNearBottom;
    this.#viewport.remember();
    this.#reach();
    this.#attend();
  }

  /** Adds rows where the reader comes near their end, and fetches pages where those come to an end. */
  #reach() {
    if (!this.#settled || this.#viewport.height === 0) return;
    const near = Math.max(LEAST_PX, NEAR_SCREENS * this.#viewport.height);
    const messages = this.#messages;
    while (this.#viewport.above < near && this.#span.start(messages) > 0) this.#extend("older");
    while (!this.#viewport.atBottom && this.#viewport.below < near && !this.#span.isAtEnd(messages)) this.#extend("newer");
    this.#viewport.atBottom ||= this.#isAtEnd && this.#viewport.below <= 1;
    this.#fetch();
  }

  /** @param {Side} side */
  #extend(side) {
    this.#span.extend(this.#messages, side);
    this.#viewport.atBottom &&= this.#isAtEnd;
    this.#draw();
  }

  #fetch() {
    const far = Math.max(LEAST_PX, FETCH_SCREENS * this.#viewport.height);
    const messages = this.#messages;
    if (!this.#conversation) return;
    const { conversation_id: id } = this.#conversation;
    if (this.#viewport.above < far && this.#span.start(messages) === 0) void this.#store.history.more(id, "older");
    else if (this.#viewport.below < far && this.#span.isAtEnd(messages)) void this.#store.history.more(id, "newer");
  }

  #attend() {
    const isSeen = this.#settled && this.#viewport.atBottom && !document.hidden && this.#scroller.offsetParent !== null;
    this.#store.attend(isSeen);
    if (this.#viewport.atBottom) this.#timeline?.trim("older");
    this.#tools?.showJump(this.#settled && !this.#viewport.atBottom, this.#conversation?.unread ?? 0);
  }
}
