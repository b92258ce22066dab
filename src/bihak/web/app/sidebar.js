/** The list of conversations, and who is looking at it. */

import { avatar, groupAvatar } from "./avatar.js";
import { KeyedChildren, el, fill } from "./dom.js";
import { hrefOf } from "./route.js";
import { icon } from "./icon.js";
import { typingWords } from "./wording.js";
import { brief, exactly } from "./when.js";

/** @typedef {import("../sdk/sdk.js").Bihak} Bihak */
/** @typedef {import("../sdk/wire.js").Conversation} Conversation */
/** @typedef {import("../sdk/wire.js").Status} Status */
/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./route.js").Route} Route */

/**
 * @typedef {Object} Row
 * @property {number} id
 * @property {string} href
 * @property {boolean} isOpen
 * @property {string} title
 * @property {{userId: string, name: string, picture?: string | null, status: Status} | null} face  null for a group
 * @property {string} moment
 * @property {string} day  so that a new day is a new row
 * @property {string} preview
 * @property {boolean} isTyping
 * @property {number} unread
 */

export class Sidebar {
  #bihak;
  #store;
  #leaveLabel;
  #me = el("header", { class: "me" });
  #list = el("ul", { class: "conversations", role: "list", "aria-label": "Conversations", onkeydown: moveWithArrows });
  #note = el("div", { class: "sidebar-note" });
  #rows = new KeyedChildren(this.#list, (/** @type {Row} */ row) => conversationRow(row));
  node = el("nav", { class: "sidebar", "aria-label": "Conversations" }, this.#me, this.#list, this.#note);

  /** @param {Bihak} bihak @param {Store} store @param {{leaveLabel: string}} options */
  constructor(bihak, store, { leaveLabel }) {
    this.#bihak = bihak;
    this.#store = store;
    this.#leaveLabel = leaveLabel;
  }

  /** @param {Route} route */
  render(route) {
    this.#renderMe();
    const { conversations } = this.#store.state;
    this.#rows.show(
      conversations.map((conversation) => {
        const item = this.#row(conversation, route);
        return { key: String(item.id), print: JSON.stringify(item), item };
      }),
    );
    this.#note.hidden = conversations.length > 0;
    if (conversations.length === 0) this.#renderNote();
  }

  #renderMe() {
    const { me } = this.#bihak;
    const label = this.#leaveLabel;
    if (!me || this.#me.dataset.shown === me.user_id) return;
    this.#me.dataset.shown = me.user_id;
    const name = me.name || me.user_id;
    fill(
      this.#me,
      avatar({ userId: me.user_id, name }),
      el(
        "div",
        { class: "me-who" },
        el("h1", { class: "me-name" }, el("bdi", {}, name)),
        el("p", { class: "me-id" }, me.user_id.replace("_", " ")),
      ),
      el("a", { class: "icon-button", href: "#", "aria-label": label, title: label }, icon("leave")),
    );
  }

  #renderNote() {
    const key = this.#store.loaded ? "empty" : "loading";
    if (this.#note.dataset.shown === key) return;
    this.#note.dataset.shown = key;
    if (key === "loading") {
      const bone = () => el("div", { class: "bone", "aria-hidden": "true" }, el("span"), el("span"), el("span"));
      fill(this.#note, el("span", { class: "unseen" }, "Loading conversations"), bone(), bone(), bone());
    } else {
      const words = "They appear here as soon as somebody starts one with you.";
      fill(this.#note, el("div", { class: "quiet" }, el("h2", {}, "No conversations yet"), el("p", {}, words)));
    }
  }

  /** @param {Conversation} conversation @param {Route} route @returns {Row} */
  #row(conversation, route) {
    const { state } = this.#store;
    const id = conversation.conversation_id;
    const others = state.othersIn(conversation);
    const isDirect = conversation.conversation_type === "direct";
    const typing = state.people.typingIn(id);
    const latest = this.#latest(conversation);
    return {
      id,
      href: hrefOf({ as: route.as, conversationId: id }),
      isOpen: route.conversationId === id,
      title: state.titleOf(conversation),
      face: isDirect ? this.#face(others[0]) : null,
      moment: latest.moment,
      day: new Date().toDateString(),
      preview: typing.length > 0 ? typingWords(typing, { short: isDirect }) : latest.words,
      isTyping: typing.length > 0,
      unread: conversation.unread,
    };
  }

  /** @param {import("../sdk/wire.js").Participant | undefined} person */
  #face(person) {
    if (!person) return null;
    const { people } = this.#store.state;
    const { user_id: userId, avatar_url: picture } = person;
    return { userId, name: people.nameOf(userId), picture, status: people.statusOf(userId) };
  }

  /** @param {Conversation} conversation @returns {{moment: string, words: string}} */
  #latest(conversation) {
    const unsent = this.#bihak.unsent(conversation.conversation_id).at(-1);
    if (unsent) return { moment: unsent.created_at, words: `You: ${unsent.content}` };
    const last = conversation.last_message;
    if (!last) return { moment: "", words: "No messages yet" };
    const { state } = this.#store;
    const isDirect = conversation.conversation_type === "direct";
    const who = state.isMine(last) ? "You: " : isDirect ? "" : `${last.sender_name}: `;
    return { moment: last.created_at, words: last.deleted_at ? "Message deleted" : who + last.content };
  }
}

/** @param {Row} row */
function conversationRow({ id, href, isOpen, title, face, moment, preview, isTyping, unread }) {
  const presence = face && face.status !== "offline" ? el("span", { class: "unseen" }, `, ${face.status}, `) : null;
  return el(
    "li",
    {},
    el(
      "a",
      { class: "conversation", href, "aria-current": isOpen ? "true" : null },
      face ? avatar(face) : groupAvatar(id),
      el("span", { class: "conversation-title" }, el("bdi", {}, title)),
      presence,
      moment
        ? el("time", { class: "conversation-when", datetime: moment, title: exactly(moment) }, brief(moment))
        : null,
      el("span", { class: isTyping ? "conversation-last is-typing" : "conversation-last" }, el("bdi", {}, preview)),
      unread > 0 ? el("span", { class: "badge" }, unread > 99 ? "99+" : String(unread), unreadWords(unread)) : null,
    ),
  );
}

/** @param {number} unread */
const unreadWords = (unread) => el("span", { class: "unseen" }, unread === 1 ? " unread message" : " unread messages");

/** @param {KeyboardEvent} event */
function moveWithArrows(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const list = event.currentTarget;
  if (!step || !(list instanceof HTMLElement)) return;
  const links = [...list.querySelectorAll("a")];
  const next = links[links.indexOf(/** @type {HTMLAnchorElement} */ (document.activeElement)) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}
