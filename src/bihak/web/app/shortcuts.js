/** The keyboard's short ways. */

/** @typedef {import("./chat.js").Context} Context */
/** @typedef {import("./pane.js").Pane} Pane */
/** @typedef {{sidebar: import("./sidebar.js").Sidebar, pane: Pane, creation: () => void, help: () => void}} Views */
/** @typedef {{keys: string[], name: import("./words.js").Key, hit: (event: KeyboardEvent) => boolean}} Shortcut */

/** By `code`: held with Alt, the keys of some keyboards write other letters. @param {string} wanted */
const alt = (wanted) => (/** @type {KeyboardEvent} */ { altKey, ctrlKey, metaKey, code }) =>
  altKey && !ctrlKey && !metaKey && code === wanted;

/** @satisfies {Record<string, Shortcut>} */
export const SHORTCUTS = {
  search: {
    keys: ["Ctrl", "K"],
    name: "keys.search",
    hit: ({ ctrlKey, metaKey, altKey, code }) => (ctrlKey || metaKey) && !altKey && code === "KeyK",
  },
  create: { keys: ["Alt", "N"], name: "keys.create", hit: alt("KeyN") },
  previous: { keys: ["Alt", "↑"], name: "keys.previous", hit: alt("ArrowUp") },
  next: { keys: ["Alt", "↓"], name: "keys.next", hit: alt("ArrowDown") },
  unread: { keys: ["Alt", "U"], name: "keys.unread", hit: alt("KeyU") },
  list: { keys: ["Alt", "L"], name: "keys.list", hit: alt("KeyL") },
  write: { keys: ["Alt", "M"], name: "keys.write", hit: alt("KeyM") },
  help: { keys: ["?"], name: "keys.help", hit: (event) => event.key === "?" && !isWriting(event) },
};

export class Shortcuts {
  #context;
  #views;
  /** @type {EventTarget | null} */
  #heard = null;
  #pressed = (/** @type {Event} */ event) => this.#press(/** @type {KeyboardEvent} */ (event));

  /** @param {Context} context @param {Views} views */
  constructor(context, views) {
    this.#context = context;
    this.#views = views;
  }

  /** On a page of its own everywhere; on somebody else's page only within. */
  listen() {
    const { host } = this.#context;
    this.#heard = host.getRootNode() instanceof ShadowRoot ? host : document;
    this.#heard.addEventListener("keydown", this.#pressed);
  }

  end() {
    this.#heard?.removeEventListener("keydown", this.#pressed);
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const { host } = this.#context;
    if (event.defaultPrevented || event.isComposing || host.querySelector("dialog[open]")) return;
    for (const [name, { hit }] of Object.entries(SHORTCUTS)) {
      if (!hit(event)) continue;
      event.preventDefault();
      this.#acts[/** @type {keyof typeof SHORTCUTS} */ (name)]();
    }
  }

  /** @type {Record<keyof typeof SHORTCUTS, () => void>} */
  #acts = {
    search: () => this.#views.sidebar.search(),
    create: () => this.#views.creation(),
    previous: () => this.#step(-1),
    next: () => this.#step(1),
    unread: () => this.#go((each) => each.unread > 0),
    list: () => this.#views.sidebar.focusList(),
    write: () => this.#views.pane.focus(),
    help: () => this.#views.help(),
  };

  /** @param {number} by */
  #step(by) {
    const { conversations } = this.#context.store.state;
    const open = this.#context.store.opened;
    const at = conversations.findIndex(({ conversation_id: id }) => id === open);
    const next = conversations[at < 0 ? 0 : at + by];
    if (next) this.#context.navigate({ conversationId: next.conversation_id });
  }

  /** @param {(conversation: import("../sdk/wire.js").Conversation) => boolean} isWanted */
  #go(isWanted) {
    const next = this.#context.store.state.conversations.find(isWanted);
    if (next) this.#context.navigate({ conversationId: next.conversation_id });
  }
}

/** A question mark in a text is a question. @param {KeyboardEvent} event */
function isWriting(event) {
  const [target] = event.composedPath();
  return target instanceof Element && target.matches("input, textarea, select, [contenteditable]");
}
