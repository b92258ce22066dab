/** The tools around messages, from the moment on that somebody comes near one. */

import { later, withModule } from "./later.js";
import { t } from "./words.js";

/** @typedef {import("./messagetools.js").MessageTools} MessageTools */
/** @typedef {ConstructorParameters<typeof import("./messagetools.js").MessageTools>} Made */

export class LazyTools {
  #made;
  /** @type {MessageTools | null} */
  #tools = null;

  /** @param {Made} made  what they are made of */
  constructor(...made) {
    this.#made = made;
    const [, , list] = made;
    for (const near of ["pointerover", "focusin"])
      list.addEventListener(near, ({ target }) => this.with((tools) => tools.equip(target)), { once: true });
  }

  get editor() {
    return this.#tools?.editor ?? null;
  }

  /** @param {(tools: MessageTools) => void} use  called at once where they are here */
  with(use) {
    if (this.#tools) return use(this.#tools);
    const begin = (/** @type {typeof import("./messagetools.js")} */ { MessageTools }) => {
      this.#tools ??= new MessageTools(...this.#made);
      use(this.#tools);
    };
    const [, , , around] = this.#made;
    void withModule(later.tools, begin, () => around.tell(t("error.disconnected")));
  }

  /** @param {HTMLElement} row @param {string} key @returns {boolean} whether it is known to mean something there */
  act(row, key) {
    if (this.#tools) return this.#tools.act(row, key);
    this.with((tools) => tools.act(row, key));
    return false;
  }

  /** The conversation is another one. */
  leave() {
    this.#tools?.leave();
  }

  /** Its inside was made anew. @param {HTMLElement} row */
  equipAgain(row) {
    this.#tools?.equipAgain(row);
  }
}
