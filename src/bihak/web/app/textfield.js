/** A field for a message: as high as what is in it, and it helps to mention people. */

import { el, focused } from "./dom.js";
import { later, withModule } from "./later.js";

/** @typedef {import("../sdk/wire.js").Participant} Participant */

/**
 * @typedef {Object} Handlers
 * @property {() => void} [written]  the text has changed
 * @property {() => void} enter
 * @property {(event: KeyboardEvent) => void} key  any other key that the list of people does not take
 */

export class TextField {
  #handlers;
  #people;
  /** @type {import("./mentionlist.js").MentionList | null} */
  #mentions = null;
  #isLoading = false;
  input;
  /** Holds the people to choose from, once somebody is being mentioned. */
  list = el("div");

  /** @param {import("./dom.js").Props} props @param {() => readonly Participant[]} people @param {Handlers} handlers */
  constructor(props, people, handlers) {
    this.#handlers = handlers;
    this.#people = people;
    this.input = el("textarea", {
      rows: 1,
      dir: "auto",
      ...props,
      oninput: () => this.#written(),
      onfocus: () => this.fit(),
      onkeydown: (event) => this.#key(event),
    });
  }

  get text() {
    return this.input.value;
  }

  set text(text) {
    this.input.value = text;
    this.fit();
  }

  /** The style sheet sets the limit. */
  fit() {
    this.input.style.height = "auto";
    const { scrollHeight } = this.input;
    // Out of sight nothing can be measured; it is, as soon as somebody comes to write.
    this.input.style.height = scrollHeight > 0 ? `${scrollHeight}px` : "";
  }

  #written() {
    this.fit();
    if (!this.#mentions && this.text.includes("@")) this.#helpToMention();
    this.#handlers.written?.();
  }

  #helpToMention() {
    if (this.#isLoading) return;
    this.#isLoading = true;
    const help = (/** @type {typeof import("./mentionlist.js")} */ { MentionList }) => {
      this.#mentions = new MentionList(this.input, this.#people);
      this.list.append(this.#mentions.node);
      // It goes away with the focus.
      if (focused(this.input) === this.input) this.#mentions.look();
    };
    // Whoever knows the name can write it without help.
    void withModule(later.mentions, help, () => (this.#isLoading = false));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (this.#mentions?.takes(event)) return;
    // While an input method composes, Enter picks a candidate.
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.#handlers.enter();
    } else this.#handlers.key(event);
  }
}
