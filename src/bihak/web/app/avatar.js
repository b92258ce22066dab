/** A round picture of somebody: their own where it may be loaded, else their initials on a colour of their own. */

import { el } from "./dom.js";
import { icon } from "./icon.js";

/** @typedef {import("../sdk/wire.js").Status} Status */

const HUES = 8;

/**
 * @param {{userId: string, name: string, picture?: string | null, status?: Status, size?: "small" | "large"}} person
 */
export function avatar({ userId, name, picture, status, size }) {
  const face = el("span", {
    class: `avatar hue-${hueOf(userId)}${size ? ` avatar-${size}` : ""}`,
    "aria-hidden": "true",
  });
  face.append(initials(name));
  if (picture && isAllowed(picture)) {
    const image = el("img", { src: picture, alt: "", referrerpolicy: "no-referrer", onerror: () => image.remove() });
    face.append(image);
  }
  if (status) face.append(el("span", { class: `presence presence-${status}` }));
  return face;
}

/** @param {number} conversationId @param {string} [kind]  its type @param {"small" | "large"} [size] */
export function groupAvatar(conversationId, kind, size) {
  const face = el("span", {
    class: `avatar hue-${conversationId % HUES}${size ? ` avatar-${size}` : ""}`,
    "aria-hidden": "true",
  });
  face.append(icon(kind === "broadcast" ? "broadcast" : "group"));
  return face;
}

/** @param {string} userId @returns {number} the same for everyone who looks, on every device */
export function hueOf(userId) {
  let hash = 0;
  for (const letter of userId) hash = (hash * 31 + /** @type {number} */ (letter.codePointAt(0))) >>> 0;
  return hash % HUES;
}

/** @param {string} name */
function initials(name) {
  const words = name.split(/[\s_]+/u).filter(Boolean);
  const ends = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return ends.map((word) => [...word][0].toLocaleUpperCase()).join("") || "?";
}

/** The content security policy would refuse any other, noisily. @param {string} url */
function isAllowed(url) {
  if (!URL.canParse(url, location.href)) return false;
  const { protocol, origin } = new URL(url, location.href);
  return protocol === "https:" || origin === location.origin;
}
