/** The list of conversations, who is looking at it, and the search over all of it. */

import { KeyedChildren, el, fill, say } from "./dom.js";
import { rest, withModule } from "./later.js";
import { conversationRow, rowOf } from "./listrow.js";
import { avatar, icon } from "./pictures.js";
import { ownStatusWord } from "./wording.js";
import { number, t } from "./words.js";

/** @typedef {import("./chat.js").Context} Context */
/** @typedef {import("./route.js").Route} Route */
/** @typedef {import("./listrow.js").Row} Row */
/** @typedef {{settings: () => void, creation: () => void, notices: () => void}} Openers */

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
    this.#renderMe();
    this.#renderBell();
    const { conversations } = this.#context.store.state;
    this.#rows.show(
      conversations.map((conversation) => {
        const item = rowOf(this.#context, conversation, route);
        return { key: String(item.id), print: JSON.stringify(item), item };
      }),
    );
    this.#roved();
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
    this.#finder?.end();
    this.#notice?.end();
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
