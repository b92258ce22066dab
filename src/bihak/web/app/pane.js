/** The open conversation: who is in it, what was said, and where one answers. */

import { avatar, groupAvatar } from "./avatar.js";
import { Composer } from "./composer.js";
import { Drafts } from "./drafts.js";
import { el, fill, say } from "./dom.js";
import { icon } from "./icon.js";
import { MessageLog } from "./log.js";
import { Notice } from "./notice.js";
import { Pins } from "./pins.js";
import { hrefOf } from "./route.js";
import { membersWords, presenceOf, typingWords } from "./wording.js";
import { t } from "./words.js";

/** @typedef {import("../sdk/sdk.js").Bihak} Bihak */
/** @typedef {import("../sdk/wire.js").Conversation} Conversation */
/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./route.js").Route} Route */
/**
 * @typedef {Object} Around
 * @property {(place: {conversationId: number | null, messageId?: number | null}) => void} navigate
 * @property {() => void} onDetails  called when who is in it is asked for
 * @property {"main" | "section"} frame  a page has one `main`, and in somebody else's that is not ours
 */

/** Lines for those who listen. */
const SAID_KEPT = 3;

export class Pane {
  #store;
  #log;
  #pins;
  #composer;
  #announcer;
  #notice = new Notice();
  #back = el("a", { class: "icon-button back", "aria-label": t("pane.back") }, icon("back"));
  #face = el("span", { class: "pane-face" });
  #title = el("bdi");
  #presence = el("p", { class: "pane-presence" });
  #typing = el("p", { class: "typing", "aria-live": "polite" });
  #typingWords = el("span");
  #conversation;
  #nothing = el("div", { class: "nothing" });
  /** To be shown as soon as its conversation is. @type {number | null} */
  #wanted = null;
  node;

  /** @param {Bihak} bihak @param {Store} store @param {Around} around */
  constructor(bihak, store, { onDetails, frame }) {
    this.#store = store;
    const tell = (/** @type {string} */ words) => this.#notice.tell(words);
    this.#composer = new Composer(bihak, store.state, new Drafts(() => store.state.myId), {
      sent: () => void this.#log.toLatest(),
      editLast: () => this.#log.editLast(),
    });
    this.#log = new MessageLog(bihak, store, {
      reply: (message) => this.#composer.replyTo(message),
      write: () => this.#composer.focus(),
      tell,
    });
    this.#pins = new Pins(bihak, (messageId) => this.showMessage(messageId));
    this.#announcer = new Announcer(bihak, store.state);
    const dots = el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i"));
    fill(this.#typing, dots, this.#typingWords);
    this.#conversation = el(
      "section",
      { class: "pane-conversation" },
      this.#head(onDetails),
      this.#pins.node,
      this.#log.node,
      el("div", { class: "pane-foot" }, this.#notice.node, this.#typing, this.#composer.node),
      this.#announcer.node,
    );
    this.node = el(frame, { class: "pane" }, this.#nothing, this.#conversation);
  }

  /** @param {Route} route */
  render(route) {
    const conversation = this.#store.state.find(route.conversationId);
    this.#conversation.hidden = !conversation;
    this.#nothing.hidden = Boolean(conversation);
    this.#announcer.conversationId = conversation?.conversation_id ?? null;
    if (!conversation) return this.#renderNothing(route);
    this.#renderHead(conversation, route);
    this.#pins.show(conversation.conversation_id);
    this.#log.render(conversation);
    this.#composer.show(conversation);
    const typists = this.#store.state.people.typingIn(conversation.conversation_id);
    this.#typing.classList.toggle("shown", typists.length > 0);
    say(this.#typingWords, typingWords(typists));
    this.#showWanted();
  }

  /** The reader has just come here. On a phone the keyboard would cover what they came to read. */
  entered() {
    if (!this.#conversation.hidden && matchMedia("(hover: hover)").matches) this.#composer.focus();
  }

  /** To where one writes. */
  focus() {
    this.#composer.focus();
  }

  /** In the open conversation, now or as soon as it is known. @param {number} messageId */
  showMessage(messageId) {
    this.#wanted = messageId;
    this.#showWanted();
  }

  /** All that may be opened is here: from now on a finger that stays is understood at once. */
  loaded() {
    this.#log.equip();
  }

  end() {
    this.#log.end();
    this.#pins.end();
    this.#announcer.end();
    this.#notice.end();
  }

  #showWanted() {
    const wanted = this.#wanted;
    if (wanted === null || this.#conversation.hidden) return;
    this.#wanted = null;
    void this.#log.showMessage(wanted);
  }

  /** @param {() => void} onDetails */
  #head(onDetails) {
    const label = t("pane.details");
    const props = { class: "icon-button", type: "button", "aria-label": label, title: label, onclick: onDetails };
    return el(
      "header",
      { class: "pane-head" },
      this.#back,
      this.#face,
      el("div", { class: "pane-who" }, el("h1", { class: "pane-title" }, this.#title), this.#presence),
      el("button", props, icon("details")),
    );
  }

  /** @param {Conversation} conversation @param {Route} route */
  #renderHead(conversation, route) {
    const { state } = this.#store;
    const others = state.othersIn(conversation).map((person) => state.people.find(person.user_id) ?? person);
    const title = state.titleOf(conversation);
    const isDirect = conversation.conversation_type === "direct";
    const [first] = others;
    this.#back.setAttribute("href", hrefOf({ as: route.as }));
    say(this.#title, title);
    say(this.#presence, isDirect ? presenceOf(first) : membersWords(others));
    this.#presence.classList.toggle("is-online", isDirect && first?.status === "online");
    const print = JSON.stringify([conversation.conversation_id, title, first?.avatar_url, first?.status]);
    if (this.#face.dataset.shown === print) return;
    this.#face.dataset.shown = print;
    const { user_id: userId = "", avatar_url: picture, status } = first ?? {};
    fill(
      this.#face,
      isDirect
        ? avatar({ userId, name: title, picture, status })
        : groupAvatar(conversation.conversation_id, conversation.conversation_type),
    );
  }

  /** @param {Route} route */
  #renderNothing({ as, conversationId }) {
    const { loaded, state } = this.#store;
    const none = state.conversations.length === 0 ? "first" : "none";
    const key = !loaded ? "loading" : conversationId === null ? none : "missing";
    if (this.#nothing.dataset.shown === key) return;
    this.#nothing.dataset.shown = key;
    if (key === "loading") return fill(this.#nothing);
    const source = new URL("icon.svg", import.meta.url).href;
    const mark = el("img", { src: source, alt: "", width: 64, height: 64 });
    if (key === "first") fill(this.#nothing, mark, el("h1", {}, t("signin.welcome")), el("p", {}, t("list.emptyHint")));
    else if (key === "none") fill(this.#nothing, mark, el("h1", {}, t("pane.chooseTitle")), el("p", {}, t("pane.choose")));
    else {
      const back = el("a", { class: "button", href: hrefOf({ as }) }, t("pane.back"));
      fill(this.#nothing, mark, el("h1", {}, t("pane.missingTitle")), el("p", {}, t("pane.missing")), back);
    }
  }
}

/** Tells those who listen to the screen what was said, once, and nothing of what only moved. */
class Announcer {
  #state;
  #off;
  /** @type {number | null} */
  conversationId = null;
  node = el("div", { class: "unseen", role: "status", "aria-live": "polite", "aria-atomic": "false" });

  /** @param {Bihak} bihak @param {Store["state"]} state */
  constructor(bihak, state) {
    this.#state = state;
    this.#off = bihak.on("event", (frame) => {
      if (frame.type === "new_message") this.#said(/** @type {any} */ (frame));
    });
  }

  end() {
    this.#off();
  }

  /** @param {string} words */
  tell(words) {
    this.node.append(el("p", {}, words));
    while (this.node.childElementCount > SAID_KEPT) this.node.firstElementChild?.remove();
  }

  /** @param {import("../sdk/wire.js").Message} message */
  #said(message) {
    if (message.conversation_id !== this.conversationId || this.#state.isMine(message)) return;
    this.tell(t("log.said", { name: message.sender_name, text: message.content }));
  }
}
