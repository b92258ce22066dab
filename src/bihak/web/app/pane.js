/** The open conversation: who is in it, what was said, and where one answers. */

import { avatar, groupAvatar } from "./avatar.js";
import { Composer } from "./composer.js";
import { el, fill, say } from "./dom.js";
import { icon } from "./icon.js";
import { MessageLog } from "./log.js";
import { hrefOf } from "./route.js";
import { membersWords, presenceOf, typingWords } from "./wording.js";

/** @typedef {import("../sdk/sdk.js").Bihak} Bihak */
/** @typedef {import("../sdk/wire.js").Conversation} Conversation */
/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./route.js").Route} Route */

export class Pane {
  #store;
  #log;
  #composer;
  #back = el("a", { class: "icon-button back", "aria-label": "Back to conversations" }, icon("back"));
  #face = el("span", { class: "pane-face" });
  #title = el("bdi");
  #presence = el("p", { class: "pane-presence" });
  #typing = el("p", { class: "typing", "aria-live": "polite" });
  #typingWords = el("span");
  #conversation;
  #nothing = el("div", { class: "nothing" });
  node;

  /** @param {Bihak} bihak @param {Store} store */
  constructor(bihak, store) {
    this.#store = store;
    this.#composer = new Composer(bihak);
    this.#log = new MessageLog(bihak, store, (message) => this.#composer.replyTo(message));
    fill(
      this.#typing,
      el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i")),
      this.#typingWords,
    );
    const who = el("div", { class: "pane-who" }, el("h2", { class: "pane-title" }, this.#title), this.#presence);
    this.#conversation = el(
      "section",
      { class: "pane-conversation" },
      el("header", { class: "pane-head" }, this.#back, this.#face, who),
      this.#log.node,
      this.#typing,
      this.#composer.node,
    );
    this.node = el("main", { class: "pane" }, this.#nothing, this.#conversation);
  }

  /** @param {Route} route */
  render(route) {
    const conversation = this.#store.state.find(route.conversationId);
    this.#conversation.hidden = !conversation;
    this.#nothing.hidden = Boolean(conversation);
    if (!conversation) return this.#renderNothing(route);
    this.#renderHead(conversation, route);
    this.#log.render(conversation);
    this.#composer.show(conversation.conversation_id);
    const typists = this.#store.state.people.typingIn(conversation.conversation_id);
    this.#typing.classList.toggle("shown", typists.length > 0);
    say(this.#typingWords, typingWords(typists));
  }

  /** The reader has just come here. On a phone the keyboard would cover what they came to read. */
  entered() {
    if (!this.#conversation.hidden && matchMedia("(hover: hover)").matches) this.#composer.focus();
  }

  end() {
    this.#log.end();
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
      isDirect ? avatar({ userId, name: title, picture, status }) : groupAvatar(conversation.conversation_id),
    );
  }

  /** @param {Route} route */
  #renderNothing({ as, conversationId }) {
    const key = !this.#store.loaded ? "loading" : conversationId === null ? "none" : "missing";
    if (this.#nothing.dataset.shown === key) return;
    this.#nothing.dataset.shown = key;
    if (key === "loading") return fill(this.#nothing);
    const mark = el("img", { src: "app/icon.svg", alt: "", width: 64, height: 64 });
    const back = el("a", { class: "button", href: hrefOf({ as }) }, "Back to conversations");
    if (key === "none") {
      const words = "Choose one on the left, and pick up where you left off.";
      fill(this.#nothing, mark, el("h2", {}, "Your conversations"), el("p", {}, words));
    } else {
      const words = "It does not exist, or you are not part of it.";
      fill(this.#nothing, mark, el("h2", {}, "Nothing to see here"), el("p", {}, words), back);
    }
  }
}
