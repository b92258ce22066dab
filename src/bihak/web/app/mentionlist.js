/** The people to choose from while somebody is being mentioned, above the field it is written in. */

import { el, fill } from "./dom.js";
import { fitting, mentionBeingWritten } from "./mentions.js";
import { avatar } from "./pictures.js";
import { t } from "./words.js";

/** @typedef {import("../sdk/wire.js").Participant} Participant */

let made = 0;

export class MentionList {
  #field;
  #people;
  #id = `mentions-${++made}`;
  /** @type {Participant[]} */
  #shown = [];
  #chosen = 0;
  /** The text for which the list was closed. @type {string | null} */
  #declined = null;
  node = el("ul", { class: "mention-list", role: "listbox", id: this.#id, "aria-label": t("composer.people") });

  /** @param {HTMLTextAreaElement} field @param {() => readonly Participant[]} people */
  constructor(field, people) {
    this.#field = field;
    this.#people = people;
    this.node.hidden = true;
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-haspopup", "listbox");
    field.addEventListener("input", () => this.look());
    field.addEventListener("selectionchange", () => this.look());
    field.addEventListener("blur", () => this.#show([]));
  }

  /** Shows who fits what is being written. */
  look() {
    const written = this.#field.value === this.#declined ? null : this.#written();
    this.#show(written ? fitting(this.#people(), written.query) : []);
  }

  /** @param {KeyboardEvent} event @returns {boolean} whether the key was for the list */
  takes(event) {
    if (this.#shown.length === 0 || event.isComposing) return false;
    const count = this.#shown.length;
    if (event.key === "ArrowDown") this.#choose((this.#chosen + 1) % count);
    else if (event.key === "ArrowUp") this.#choose((this.#chosen + count - 1) % count);
    else if (event.key === "Enter" || event.key === "Tab") this.#take(this.#shown[this.#chosen]);
    else if (event.key === "Escape") this.#decline();
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  #decline() {
    this.#declined = this.#field.value;
    this.#show([]);
  }

  #written() {
    const { value, selectionStart, selectionEnd } = this.#field;
    return selectionStart === selectionEnd ? mentionBeingWritten(value, selectionStart) : null;
  }

  /** @param {Participant[]} people */
  #show(people) {
    if (people.length === this.#shown.length && people.every((person, at) => person === this.#shown[at])) return;
    this.#shown = people;
    this.node.hidden = people.length === 0;
    fill(this.node, ...people.map((person, at) => this.#option(person, at)));
    if (people.length > 0) this.#field.setAttribute("aria-controls", this.#id);
    else this.#field.removeAttribute("aria-controls");
    this.#choose(0);
  }

  /** @param {Participant} person @param {number} at */
  #option(person, at) {
    const { user_id: userId, name, avatar_url: picture } = person;
    return el(
      "li",
      {
        class: "mention-option",
        role: "option",
        id: `${this.#id}-${at}`,
        // The field keeps the focus, and a phone its keyboard.
        onpointerdown: (event) => event.preventDefault(),
        onclick: () => this.#take(person),
      },
      avatar({ userId, name: name || userId, picture, size: "small" }),
      el("bdi", {}, name || userId),
      el("span", { class: "mention-id" }, userId),
    );
  }

  /** @param {number} at */
  #choose(at) {
    this.#chosen = at;
    for (const [index, option] of [...this.node.children].entries())
      option.setAttribute("aria-selected", String(index === at));
    if (this.#shown.length > 0) this.#field.setAttribute("aria-activedescendant", `${this.#id}-${at}`);
    else this.#field.removeAttribute("aria-activedescendant");
    this.node.children[at]?.scrollIntoView({ block: "nearest" });
  }

  /** @param {Participant} person */
  #take({ name, user_id }) {
    const written = this.#written();
    if (!written) return;
    this.#field.setRangeText(`@${name || user_id} `, written.start, this.#field.selectionStart, "end");
    this.#show([]);
    this.#field.dispatchEvent(new Event("input", { bubbles: true }));
  }
}
