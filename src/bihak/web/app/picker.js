/** A search for people, of whom one or several are picked. */

import { KeyedChildren, el, fill, say } from "./dom.js";
import { matches } from "./matching.js";
import { avatar, icon } from "./pictures.js";
import { focusFirst, rove } from "./roving.js";
import { faultWords, typeWord } from "./wording.js";
import { t } from "./words.js";

/** @typedef {import("../sdk/wire.js").Participant} Participant */
/** @typedef {import("./chat.js").Context} Context */

const ASK_AFTER_MS = 150;

export class Picker {
  #context;
  #excluded;
  #changed;
  /** @type {Map<string, Participant>} */
  #picked = new Map();
  /** @type {Participant[]} */
  #found = [];
  #isSingle = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #input = el("input", {
    class: "input",
    type: "search",
    placeholder: t("pick.placeholder"),
    "aria-label": t("pick.label"),
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => this.#written(),
    onkeydown: (event) => this.#key(event),
  });
  #chips = el("ul", { class: "picked", role: "list", "aria-label": t("pick.picked") });
  #list = el("ul", { class: "people", role: "list", "aria-label": t("signin.people") });
  #note = el("p", { class: "results-note", role: "status" });
  #rows = new KeyedChildren(this.#list, (/** @type {Participant} */ person) => this.#row(person));
  #roved = rove(this.#list, { before: () => this.#input.focus() });
  node = el(
    "div",
    { class: "picker" },
    this.#chips,
    el("div", { class: "finder-field" }, icon("search"), this.#input),
    this.#list,
    this.#note,
  );

  /**
   * @param {Context} context
   * @param {{excluded?: string[], changed: (picked: Participant[]) => void}} options  `excluded` cannot be picked
   */
  constructor(context, { excluded = [], changed }) {
    this.#context = context;
    this.#excluded = new Set([...excluded, context.store.state.myId]);
    this.#changed = changed;
    this.#show();
  }

  /** Whoever is picked takes the place of whoever was before. @param {boolean} isSingle */
  set single(isSingle) {
    this.#isSingle = isSingle;
    if (isSingle) this.#picked.clear();
    this.#show();
  }

  focus() {
    this.#input.focus();
  }

  #written() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(), ASK_AFTER_MS);
    this.#show();
  }

  async #ask() {
    const query = this.#input.value.trim();
    if (!query) return;
    try {
      const found = await this.#context.bihak.people(query);
      if (this.#input.value.trim() !== query) return;
      this.#found = found;
      this.#show();
      say(this.#note, this.#list.childElementCount > 0 ? "" : t("find.nothing", { query }));
    } catch (fault) {
      say(this.#note, faultWords(fault));
    }
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "ArrowDown") {
      event.preventDefault();
      focusFirst(this.#list);
    } else if (event.key === "Enter") {
      // In a form it would submit what is not chosen yet.
      event.preventDefault();
      /** @type {HTMLElement | null} */ (this.#list.querySelector("button"))?.click();
    }
  }

  /** Those whom one knows already need no search. */
  get #candidates() {
    const query = this.#input.value.trim();
    const known = this.#context.store.state.people.all.filter(({ name }) => matches(query, [name]));
    const found = query ? this.#found.filter(({ name }) => matches(query, [name])) : [];
    const all = new Map([...known, ...found].map((person) => [person.user_id, person]));
    return [...all.values()].filter(({ user_id }) => !this.#excluded.has(user_id)).slice(0, 20);
  }

  #show() {
    const rows = this.#candidates.map((person) => ({
      key: person.user_id,
      print: JSON.stringify([person.name, person.status, this.#picked.has(person.user_id), this.#isSingle]),
      item: person,
    }));
    if (rows.length > 0) say(this.#note, "");
    this.#rows.show(rows);
    this.#roved();
    fill(this.#chips, ...[...this.#picked.values()].map((person) => this.#chip(person)));
    this.#chips.hidden = this.#picked.size === 0;
  }

  /** @param {Participant} person */
  #toggle(person) {
    const { user_id: userId } = person;
    if (this.#isSingle) this.#picked.clear();
    if (!this.#picked.delete(userId)) this.#picked.set(userId, person);
    this.#show();
    this.#changed([...this.#picked.values()]);
  }

  /** @param {Participant} person */
  #row(person) {
    const { user_id: userId, name, avatar_url: picture, status } = person;
    const isPicked = this.#picked.has(userId);
    return el(
      "li",
      {},
      el(
        "button",
        {
          class: "person",
          type: "button",
          "aria-pressed": this.#isSingle ? null : String(isPicked),
          onclick: () => this.#toggle(person),
        },
        avatar({ userId, name, picture, status }),
        el("span", { class: "person-name" }, el("bdi", {}, name)),
        isPicked ? icon("check") : el("span", { class: "chip" }, typeWord(person.participant_type)),
      ),
    );
  }

  /** @param {Participant} person */
  #chip(person) {
    const label = t("pick.drop", { name: person.name });
    return el(
      "li",
      { class: "pick" },
      el("bdi", {}, person.name),
      el(
        "button",
        { class: "pick-drop", type: "button", "aria-label": label, title: label, onclick: () => this.#toggle(person) },
        icon("close"),
      ),
    );
  }
}
