/**
 * What the client says, in the reader's language.
 *
 * `speak` comes first; nothing may ask for words while modules are being loaded.
 */

/** @typedef {keyof typeof import("./words/en.js").words} Key */
/** @typedef {keyof typeof LANGUAGES} Language */
/** @typedef {string | {[category in Intl.LDMLPluralRule]?: string}} Phrase  of which the plural follows `count` */

/** One line and one file for each language. */
export const LANGUAGES = {
  en: { name: "English", load: () => import("./words/en.js") },
  fr: { name: "Français", load: () => import("./words/fr.js") },
};

const CHOICE = "bihak.language";
const PLACE = /\{(\w+)\}/gu;

/** @type {Record<string, Phrase>} */
let words = {};
/** @type {Language} */
let language = "en";
/** With the region that the browser names, so that an Englishman's dates are not an American's. */
let locale = "en";
/** @type {Map<string, Intl.DateTimeFormat | Intl.NumberFormat | Intl.PluralRules | Intl.RelativeTimeFormat>} */
const formats = new Map();

/** @param {Language} [wanted]  else the one chosen before, else the browser's */
export async function speak(wanted = chosen() ?? preferred()) {
  ({ words } = await LANGUAGES[wanted].load());
  language = wanted;
  locale = localeOf(wanted);
  formats.clear();
}

/**
 * A browser's first number, its first date and its first list cost a tenth of a second on a slow machine: better while
 * it waits for modules than when all of them are here.
 */
export function warmUp() {
  const tag = localeOf(chosen() ?? preferred());
  new Intl.NumberFormat(tag).format(0);
  new Intl.DateTimeFormat(tag, { dateStyle: "full", timeStyle: "short" }).format();
  new Intl.ListFormat(tag).format([]);
}

/**
 * Which one to speak on a page that offers one: what the reader has chosen comes first.
 * @param {string} [offered]  such as `fr` or `fr-CA`
 */
export const spokenOn = (offered = "") => chosen() ?? known(primary(offered)) ?? preferred();

/** @param {Language} wanted  from now on, also after a reload; rejects where its words cannot be had */
export async function choose(wanted) {
  await speak(wanted);
  try {
    localStorage.setItem(CHOICE, wanted);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

/** Each in its own. @returns {Record<Language, string>} */
export const languageNames = () =>
  /** @type {Record<Language, string>} */ (
    Object.fromEntries(Object.entries(LANGUAGES).map(([tag, { name }]) => [tag, name]))
  );

/** @returns {Language} */
export const spoken = () => language;

/**
 * @param {Key} key
 * @param {{[name: string]: string | number}} [values]  for what stands in braces; `count` chooses the plural
 */
export function t(key, values = {}) {
  const phrase = words[key] ?? key;
  const text = typeof phrase === "string" ? phrase : plural(phrase, Number(values.count));
  return text.replace(PLACE, (place, name) => {
    const value = values[name] ?? place;
    return typeof value === "number" ? number(value) : value;
  });
}

/** @param {number} value */
export const number = (value) => format("number", {}, () => new Intl.NumberFormat(locale)).format(value);

/** @param {Date} date @param {Intl.DateTimeFormatOptions} options */
export const date = (date, options) =>
  format("date", options, () => new Intl.DateTimeFormat(locale, options)).format(date);

/** @param {number} value @param {Intl.RelativeTimeFormatUnit} unit @returns {string} "yesterday", "5 minutes ago" */
export const relative = (value, unit) =>
  format("relative", {}, () => new Intl.RelativeTimeFormat(locale, { numeric: "auto" })).format(value, unit);

/** @param {string[]} names @returns {string} "Aline, Eric and Grace" */
export const list = (names) =>
  format("list", {}, () => new Intl.ListFormat(locale, { type: "conjunction" })).format(names);

/** @param {Exclude<Phrase, string>} phrase @param {number} count */
function plural(phrase, count) {
  const rules = format("plural", {}, () => new Intl.PluralRules(locale));
  return phrase[rules.select(count)] ?? phrase.other ?? "";
}

/**
 * Making a format is dear, using it is cheap.
 * @template T
 * @param {string} kind @param {object} options @param {() => T} make @returns {T}
 */
function format(kind, options, make) {
  const key = kind + JSON.stringify(options);
  const known = formats.get(key) ?? make();
  formats.set(key, /** @type {any} */ (known));
  return /** @type {T} */ (known);
}

/** @returns {Language | undefined} */
function chosen() {
  try {
    return known(localStorage.getItem(CHOICE) ?? "");
  } catch {
    return undefined;
  }
}

/** @returns {Language} */
const preferred = () => asked().map(primary).map(known).find(Boolean) ?? "en";

/** @param {Language} wanted */
const localeOf = (wanted) => asked().find((tag) => primary(tag) === wanted) ?? wanted;

/** @returns {readonly string[]} */
const asked = () => globalThis.navigator?.languages ?? [];

/** @param {string} tag */
const primary = (tag) => tag.toLowerCase().split("-")[0];

/** @param {string} tag @returns {Language | undefined} */
const known = (tag) => (Object.hasOwn(LANGUAGES, tag) ? /** @type {Language} */ (tag) : undefined);
