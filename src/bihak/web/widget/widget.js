/** The widget on a page: there is one at most. What the page may ask of it. */

import { Embedding } from "./embedding.js";
import { fromTag } from "./options.js";

/** @typedef {import("./options.js").Options} Options */
/** @typedef {import("./embedding.js").Target} Target */

/**
 * @typedef {Object} Controls  `BihakWidget`
 * @property {(options: Options) => Promise<unknown>} start  in place of one that is there
 * @property {(words: DOMStringMap, server: string) => Promise<unknown>} startTagged  as a script tag says
 * @property {(target?: Target) => Promise<unknown>} open  a person (`"user_42"`), a conversation (`12`), or the list
 * @property {() => Promise<unknown>} close
 * @property {() => Promise<unknown>} end  takes it off the page
 * @property {() => Promise<unknown>} signOut  and forgets what this browser has kept for the person
 */

/** @type {Embedding | null} */
let present = null;
/** What the tag said that has started it. */
let tagWords = "";

/** @param {Options} options */
export async function start(options) {
  end();
  const embedding = new Embedding(options, () => embedding === present && end());
  present = embedding;
  await embedding.begin();
}

/**
 * The same tag again changes nothing, unless its widget was taken away with the rest of the page.
 * @param {DOMStringMap} words @param {string} server  where the script came from
 */
export async function startTagged(words, server) {
  const options = { server, ...fromTag(words) };
  const said = JSON.stringify(options);
  if (said === tagWords && present?.isThere) return;
  const started = start(options);
  tagWords = said;
  await started;
}

/** @param {Target} [target] */
export function open(target) {
  return present?.open(target);
}

export function close() {
  present?.close();
}

export function end() {
  present?.end();
  present = null;
  tagWords = "";
}

export async function signOut() {
  const signedOut = present?.signOut();
  end();
  await signedOut;
}

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("[data-bihak-open]") : null;
  if (!link || !present) return;
  event.preventDefault();
  void present.open(link.getAttribute("data-bihak-open") ?? "");
});
