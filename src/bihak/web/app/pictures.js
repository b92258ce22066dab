/** The pictures that are drawn here: line icons, and a round face for each person and group. */

import { el } from "./dom.js";

/** @typedef {import("../sdk/wire.js").Status} Status */

const SVG = "http://www.w3.org/2000/svg";
const HUES = 8;

/** On a grid of 24. */
const STROKES = {
  back: ["M15 5l-7 7 7 7"],
  send: ["M4.5 12l15.5-7.5-4.5 15.5-4-6.5z", "M11.5 13.5L20 4.5"],
  reply: ["M9.5 6L4.5 11l5 5", "M4.5 11H13a6.5 6.5 0 0 1 6.5 6.5V19"],
  leave: ["M14 4.5h4a1.5 1.5 0 0 1 1.5 1.5v12a1.5 1.5 0 0 1-1.5 1.5h-4", "M10 16l-4.5-4L10 8", "M5.5 12H15"],
  down: ["M12 5v13", "M6 12.5l6 6 6-6"],
  more: ["M5.5 12h.01", "M12 12h.01", "M18.5 12h.01"],
  react: ["M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z", "M8.8 14.2c1.6 2.2 4.8 2.2 6.4 0", "M9.3 9.8v.2", "M14.7 9.8v.2"],
  pin: ["M9 4h6l-.8 5.5 3.3 3.5v1.5h-11V13l3.3-3.5z", "M12 14.5V20"],
  copy: ["M9 9h9.5v10.5H9z", "M15 9V4.5H5.5V15H9"],
  trash: ["M5 7h14", "M9.5 7V4.5h5V7", "M6.8 7l.9 12.5h8.6L17.2 7", "M10.3 10.5v5.5M13.7 10.5v5.5"],
  list: ["M5 7h14", "M5 12h14", "M5 17h14"],
  close: ["M6.5 6.5l11 11", "M17.5 6.5l-11 11"],
  clock: ["M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z", "M12 8v4.2l2.8 1.8"],
  sent: ["M5.5 12.8l4 4 9-9.6"],
  read: ["M2 12.8l4 4 9-9.6", "M12 15.8l1.5 1.5 8.5-9.1"],
  failed: ["M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z", "M12 8v4.5", "M12 15.8v.2"],
  search: ["M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z", "M15.5 15.5L20 20"],
  write: ["M4.5 19.5l1-4L16 5a2 2 0 0 1 3 3L8.5 18.5z", "M13.5 7.5l3 3"],
  bell: ["M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 1.5h-15z", "M10 20.5h4"],
  mute: ["M6 16.5V11c0-1 .2-1.9.6-2.7M9 5.8A6 6 0 0 1 18 11v5.5l1.5 1.5H9", "M10 20.5h4", "M4 4l16 16"],
  plus: ["M12 5v14", "M5 12h14"],
  minus: ["M5 12h14"],
  check: ["M5.5 12.8l4 4 9-9.6"],
  details: ["M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z", "M12 11v5", "M12 8v.2"],
  person: ["M12 4.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7z", "M5 19.5c.5-3.5 3.2-5.2 7-5.2s6.5 1.7 7 5.2"],
  keys: [
    "M4.5 7h15a1 1 0 0 1 1 1v8a1 1 0 0 1-1 1h-15a1 1 0 0 1-1-1V8a1 1 0 0 1 1-1z",
    "M7 10.2h.2M10.3 10.2h.2M13.6 10.2h.2M16.9 10.2h.2M8.5 13.8h7",
  ],
  broadcast: ["M4.5 10v4l3 .5L17.5 19V5L7.5 9.5z", "M8.5 15l1 4.5h2.5", "M20 10v4"],
  group: [
    "M9 5.5a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
    "M3.5 18.5c.3-3 2.5-4.5 5.5-4.5s5.2 1.5 5.5 4.5",
    "M15.5 6a2.7 2.7 0 0 1 0 5.2",
    "M16.8 14.3c2.1.5 3.5 1.9 3.7 4.2",
  ],
};

/** @param {keyof typeof STROKES} name @returns {SVGElement} hidden from assistive technology: label what holds it */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  for (const d of STROKES[name]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

/**
 * Somebody's own picture where it may be loaded, else their initials on a colour of their own.
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
