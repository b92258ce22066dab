/** The list of conversations, who is looking at it, and the search over all of it. */

import { KeyedChildren, Press, el, fill, say } from "./dom.js";
import { rest, withModule } from "./later.js";
import { avatar, groupAvatar, icon } from "./pictures.js";
import { hrefOf } from "./route.js";
import { isDirect } from "./state.js";
import { brief, exactly, ownStatusWord, statusWord, typingWords } from "./wording.js";
import { number, t } from "./words.js";

/** @typedef {import("./chat.js").Context} Context */
/** @typedef {import("./route.js").Route} Route */
/** @typedef {import("../sdk/wire.js").Conversation} Conversation */
/** @typedef {import("../sdk/wire.js").Status} Status */
/** @typedef {{settings: () => void, creation: () => void, notices: () => void}} Openers */

/**
 * @typedef {Object} Row
 * @property {number} id
 * @property {string} kind  the type of the conversation
 * @property {string} href
 * @property {boolean} isOpen
 * @property {string} title
 * @property {{userId: string, name: string, picture?: string | null, status: Status} | null} face  null for a group
 * @property {string} moment
 * @property {string} day  so that a new day is a new row
 * @property {string} preview
 * @property {boolean} isTyping
 * @property {number} unread
 * @property {boolean} isMuted
 */

export class Sidebar {
  #context;
  #creation;
  #face;
  #name = el("bdi");
  #status = el("p", { class: "me-status" });
  #bell;
  #list = el("ul", { class: "conversations", role: "list", "aria-label": t("list.title") });
  /** @type {import("./telling.js").Notice | null} */
  #notice = null;
  #note = el("div", { class: "sidebar-note" });
  #rows = new KeyedChildren(this.#list, (/** @type {Row} */ row) => conversationRow(row));
  #roved = () => {};
  /** @type {Route | null} */
  #route = null;
  #press = new Press(this.#list, () => this.#route && this.render(this.#route));
  #field = el("input", {
    class: "input",
    type: "search",
    placeholder: t("find.placeholder"),
    "aria-label": t("find.label"),
    autocomplete: "off",
    spellcheck: "false",
    enterkeyhint: "search",
  });
  #search = el("search", { class: "finder" }, el("div", { class: "finder-field" }, icon("search"), this.#field));
  /** @type {import("./finder.js").Finder | null} */
  #finder = null;
  node;

  /** @param {Context} context @param {Openers} openers */
  constructor(context, { settings, creation, notices }) {
    this.#context = context;
    this.#creation = creation;
    this.#face = el("button", { class: "me-face", type: "button", onclick: settings });
    this.#bell = el("button", { class: "icon-button bell", type: "button", onclick: notices });
    const write = t("create.title");
    this.node = el(
      "nav",
      { class: "sidebar", "aria-label": t("list.title") },
      el(
        "header",
        { class: "me" },
        this.#face,
        el("div", { class: "me-who" }, el("h1", { class: "me-name" }, this.#name), this.#status),
        this.#bell,
        el(
          "button",
          { class: "icon-button", type: "button", "aria-label": write, title: write, onclick: creation },
          icon("write"),
        ),
      ),
      this.#search,
      this.#list,
      this.#note,
    );
  }

  /** @param {Route} route */
  render(route) {
    this.#route = route;
    this.#renderMe();
    this.#renderBell();
    const { conversations } = this.#context.store.state;
    if (!this.#press.isDown) this.#renderRows(conversations, route);
    this.#finder?.render(route);
    this.#note.hidden = conversations.length > 0;
    if (conversations.length === 0) this.#renderNote();
  }

  /** The first picture is there. @param {import("./later.js").Rest} rest */
  complete({ Finder, Notice, Notices, rove }) {
    this.#notice = new Notice();
    this.node.append(this.#notice.node);
    this.#context.store.hear(Notices);
    const told = (/** @type {boolean} */ isSearching) => this.node.classList.toggle("is-searching", isSearching);
    this.#finder = new Finder(this.#context, this.#search, this.#field, told);
    this.#roved = rove(this.#list, { before: () => this.search() });
    this.#roved();
  }

  search() {
    this.#field.focus();
    this.#field.select();
  }

  /** The open conversation, else the first. */
  focusList() {
    /** @type {HTMLElement | null} */ (this.#list.querySelector("[tabindex='0']"))?.focus();
  }

  /** @param {string} words  something small, that goes away by itself */
  tell(words) {
    void withModule(rest, () => this.#notice?.tell(words), () => {});
  }

  end() {
    this.#route = null;
    this.#finder?.end();
    this.#notice?.end();
  }

  /** @param {readonly Conversation[]} conversations @param {Route} route */
  #renderRows(conversations, route) {
    this.#rows.show(
      conversations.map((conversation) => {
        const item = rowOf(this.#context, conversation, route);
        return { key: String(item.id), print: JSON.stringify(item), item };
      }),
    );
    this.#roved();
  }

  #renderMe() {
    const { state, status } = this.#context.store;
    const { me } = state;
    if (!me) return;
    say(this.#name, me.name);
    say(this.#status, ownStatusWord(status));
    const print = JSON.stringify([me.user_id, me.name, status]);
    if (this.#face.dataset.shown === print) return;
    this.#face.dataset.shown = print;
    this.#face.title = t("settings.open");
    const label = el("span", { class: "unseen" }, t("settings.open"));
    fill(this.#face, avatar({ userId: me.user_id, name: me.name, status }), label);
  }

  #renderBell() {
    const unread = this.#context.store.notices?.unread ?? 0;
    if (this.#bell.dataset.shown === String(unread)) return;
    this.#bell.dataset.shown = String(unread);
    const label = unread > 0 ? t("notices.unread", { count: unread }) : t("notices.title");
    this.#bell.setAttribute("aria-label", label);
    this.#bell.title = label;
    const count = unread > 99 ? "99+" : number(unread);
    fill(this.#bell, icon("bell"), unread > 0 ? el("span", { class: "badge" }, count) : null);
  }

  #renderNote() {
    const key = this.#context.store.loaded ? "empty" : "loading";
    if (this.#note.dataset.shown === key) return;
    this.#note.dataset.shown = key;
    if (key === "loading") {
      const bone = () => el("div", { class: "bone", "aria-hidden": "true" }, el("span"), el("span"), el("span"));
      fill(this.#note, el("span", { class: "unseen" }, t("list.loading")), bone(), bone(), bone());
    } else {
      const begin = el("button", { class: "button", type: "button", onclick: this.#creation }, t("create.title"));
      fill(this.#note, el("div", { class: "quiet" }, el("h2", {}, t("list.empty")), begin));
    }
  }
}

/** @param {Context} context @param {Conversation} conversation @param {Route} route @returns {Row} */
export function rowOf({ bihak, store }, conversation, route) {
  const { state } = store;
  const id = conversation.conversation_id;
  const typing = state.people.typingIn(id);
  const unsent = bihak.unsent(id).at(-1);
  const last = unsent ?? conversation.last_message;
  const words = unsent ? t("list.you", { text: unsent.content }) : lastWords(conversation, state);
  return {
    id,
    kind: conversation.conversation_type,
    href: hrefOf({ as: route.as, conversationId: id }),
    isOpen: route.conversationId === id,
    title: state.titleOf(conversation),
    face: isDirect(conversation) ? faceOf(state.othersIn(conversation)[0], state) : null,
    moment: last?.created_at ?? "",
    day: new Date().toDateString(),
    preview: typing.length > 0 ? typingWords(typing, { short: isDirect(conversation) }) : words,
    isTyping: typing.length > 0,
    unread: conversation.unread,
    isMuted: store.preferences.isMuted(id),
  };
}

/** @param {Conversation} conversation @param {import("./state.js").State} state */
function lastWords(conversation, state) {
  const last = conversation.last_message;
  if (!last) return t("list.nothingSaid");
  if (last.deleted_at) return t("list.deleted");
  if (state.isMine(last)) return t("list.you", { text: last.content });
  return isDirect(conversation) ? last.content : t("list.said", { name: last.sender_name, text: last.content });
}

/** @param {import("../sdk/wire.js").Participant | undefined} person @param {import("./state.js").State} state */
function faceOf(person, { people }) {
  if (!person) return null;
  const { user_id: userId, avatar_url: picture } = person;
  return { userId, name: people.nameOf(userId), picture, status: people.statusOf(userId) };
}

/** @param {Row} row */
export function conversationRow({ id, kind, href, isOpen, title, face, moment, preview, isTyping, unread, isMuted }) {
  return el(
    "li",
    {},
    el(
      "a",
      { class: isMuted ? "conversation is-muted" : "conversation", href, "aria-current": isOpen ? "true" : null },
      face ? avatar(face) : groupAvatar(id, kind),
      el(
        "span",
        { class: "conversation-title" },
        el("bdi", {}, title),
        face && face.status !== "offline" ? el("span", { class: "unseen" }, `, ${statusWord(face.status)}`) : null,
      ),
      moment
        ? el("time", { class: "conversation-when", datetime: moment, title: exactly(moment) }, brief(moment))
        : null,
      el("span", { class: isTyping ? "conversation-last is-typing" : "conversation-last" }, el("bdi", {}, preview)),
      el("span", { class: "conversation-marks" }, isMuted ? muted() : null, unread > 0 ? badge(unread) : null),
    ),
  );
}

function muted() {
  const mark = el("span", { class: "muted-mark", role: "img", "aria-label": t("list.muted"), title: t("list.muted") });
  mark.append(icon("mute"));
  return mark;
}

/** @param {number} unread */
function badge(unread) {
  return el(
    "span",
    { class: "badge" },
    el("span", { "aria-hidden": "true" }, unread > 99 ? "99+" : number(unread)),
    el("span", { class: "unseen" }, t("list.unread", { count: unread })),
  );
}
