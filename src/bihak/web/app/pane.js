/** The open conversation: who is in it, what was said, and where one answers. */

import { Composer } from "./composer.js";
import { Drafts } from "./belongings.js";
import { el, fill, say } from "./dom.js";
import { rest, withModule } from "./later.js";
import { MessageLog } from "./log.js";
import { avatar, groupAvatar, icon } from "./pictures.js";
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

export class Pane {
  #bihak;
  #store;
  #log;
  #pins;
  #composer;
  #foot;
  /** @type {import("./telling.js").Announcer | null} */
  #announcer = null;
  /** @type {import("./telling.js").Notice | null} */
  #notice = null;
  #back = el("a", { class: "icon-button back", "aria-label": t("pane.back") }, icon("back"));
  #face = el("span", { class: "pane-face" });
  #title = el("bdi");
  #presence = el("p", { class: "pane-presence" });
  #typing = el("p", { class: "typing", "aria-live": "polite" });
  #typingWords = el("span");
  #conversation;
  #nothing = el("div", { class: "nothing" });
  /** @type {number | null} the one on the screen */
  #conversationId = null;
  /** To be shown as soon as its conversation is. @type {number | null} */
  #wanted = null;
  node;

  /** @param {Bihak} bihak @param {Store} store @param {Around} around */
  constructor(bihak, store, { onDetails, frame }) {
    this.#bihak = bihak;
    this.#store = store;
    this.#composer = new Composer(bihak, store.state, new Drafts(() => store.state.myId), {
      sent: () => void this.#log.toLatest(),
      editLast: (isWanted) => this.#log.editLast(isWanted),
    });
    this.#log = new MessageLog(bihak, store, {
      reply: (message) => this.#composer.replyTo(message),
      write: () => this.#composer.focus(),
      tell: (words) => void withModule(rest, () => this.#notice?.tell(words), () => {}),
    });
    this.#pins = new Pins(bihak, (messageId) => this.showMessage(messageId));
    const dots = el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i"));
    fill(this.#typing, dots, this.#typingWords);
    this.#foot = el("div", { class: "pane-foot" }, this.#typing, this.#composer.node);
    this.#conversation = el(
      "section",
      { class: "pane-conversation" },
      this.#head(onDetails),
      this.#pins.node,
      this.#log.node,
      this.#foot,
    );
    this.node = el(frame, { class: "pane" }, this.#nothing, this.#conversation);
  }

  /** @param {Route} route */
  render(route) {
    const conversation = this.#store.state.find(route.conversationId);
    this.#conversation.hidden = !conversation;
    this.#nothing.hidden = Boolean(conversation);
    this.#conversationId = conversation?.conversation_id ?? null;
    if (this.#announcer) this.#announcer.conversationId = this.#conversationId;
    if (!conversation) return this.#renderNothing(route);
    this.#renderHead(conversation, route);
    this.#pins.show(conversation.conversation_id);
    this.#composer.show(conversation);
    const typists = this.#store.state.people.typingIn(conversation.conversation_id);
    this.#typing.classList.toggle("shown", typists.length > 0);
    say(this.#typingWords, typingWords(typists));
    // Last: it measures, and what changed after it would have to be measured again.
    this.#log.render(conversation);
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

  /** The first picture is there. @param {import("./later.js").Rest} rest */
  complete({ Announcer, LogTools, Notice }) {
    this.#notice = new Notice();
    this.#foot.prepend(this.#notice.node);
    this.#announcer = new Announcer(this.#bihak, this.#store.state);
    this.#announcer.conversationId = this.#conversationId;
    this.#conversation.append(this.#announcer.node);
    this.#log.complete(LogTools);
  }

  /** All that may be opened is here: from now on a finger that stays is understood at once. */
  loaded() {
    this.#log.loaded();
  }

  end() {
    this.#log.end();
    this.#pins.end();
    this.#announcer?.end();
    this.#notice?.end();
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
