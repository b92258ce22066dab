/**
 * What the first picture does without. `rest` follows it at once, for it completes the screen; `later` comes with its
 * first use, or once there is nothing better to do.
 */

import { LANGUAGES } from "./words.js";

export const later = {
  alerts: () => import("./alerts.js"),
  creation: () => import("./creation.js"),
  details: () => import("./details.js"),
  editor: () => import("./editor.js"),
  emoji: () => import("./emojipicker.js"),
  findings: () => import("./findings.js"),
  handover: () => import("./handover.js"),
  keyhelp: () => import("./keyhelp.js"),
  mentions: () => import("./mentionlist.js"),
  menu: () => import("./menu.js"),
  notices: () => import("./noticelist.js"),
  offline: () => import("./offline.js"),
  popup: () => import("./popup.js"),
  question: () => import("./question.js"),
  readers: () => import("./readers.js"),
  settings: () => import("./settings.js"),
  signin: () => import("./signin.js"),
  tools: () => import("./messagetools.js"),
};

/** @typedef {Awaited<ReturnType<typeof fetchRest>>} Rest */

/** @type {Promise<Rest> | null} */
let resting = null;

/** @returns {Promise<Rest>} rejects where it cannot be had */
export function rest() {
  resting ??= fetchRest();
  resting.catch(() => (resting = null));
  return resting;
}

async function fetchRest() {
  const all = await Promise.all([
    import("./connection.js"),
    import("./finder.js"),
    import("./logtools.js"),
    import("./notices.js"),
    import("./roving.js"),
    import("./shortcuts.js"),
    import("./telling.js"),
  ]);
  const [{ connectionLine }, { Finder }, { LogTools }, { Notices }, { rove }, { Shortcuts }, { Announcer, Notice }] = all;
  return { Announcer, Finder, LogTools, Notice, Notices, Shortcuts, connectionLine, rove };
}

/**
 * @template T
 * @param {() => Promise<T>} load  one of `later`
 * @param {(module: T) => void} use
 * @param {() => void} missing  called where it cannot be had: there is no connection, and it was not kept
 */
export async function withModule(load, use, missing) {
  const module = await load().catch(() => null);
  if (module) use(module);
  else missing();
}

/** Opens one thing at a time: of what is asked for while another is still on its way, the last. */
export class Openings {
  #asked = 0;
  /** Something is on its way. */
  isUnderWay = false;

  /**
   * @template T
   * @param {() => Promise<T>} load @param {(module: T) => void} use @param {() => void} missing  all as of `withModule`
   */
  async open(load, use, missing) {
    const asked = ++this.#asked;
    this.isUnderWay = true;
    const ifLast = (/** @type {() => void} */ act) => {
      if (asked !== this.#asked) return;
      this.isUnderWay = false;
      act();
    };
    await withModule(
      load,
      (module) => ifLast(() => use(module)),
      () => ifLast(missing),
    );
  }

  /** What is on its way is not wanted any more. */
  cancel() {
    this.#asked++;
    this.isUnderWay = false;
  }
}

/** Only with a connection: a browser that could not fetch a module once never tries again. */
export async function loadAll() {
  const loads = [...Object.values(later), ...Object.values(LANGUAGES).map(({ load }) => load)];
  await Promise.allSettled(loads.map((load) => load()));
}
