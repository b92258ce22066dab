/** The few line icons, drawn on a grid of 24. */

const SVG = "http://www.w3.org/2000/svg";

/** @type {Record<string, string[]>} */
const STROKES = {
  back: ["M15 5l-7 7 7 7"],
  send: ["M4.5 12l15.5-7.5-4.5 15.5-4-6.5z", "M11.5 13.5L20 4.5"],
  reply: ["M9.5 6L4.5 11l5 5", "M4.5 11H13a6.5 6.5 0 0 1 6.5 6.5V19"],
  leave: ["M14 4.5h4a1.5 1.5 0 0 1 1.5 1.5v12a1.5 1.5 0 0 1-1.5 1.5h-4", "M10 16l-4.5-4L10 8", "M5.5 12H15"],
  down: ["M12 5v13", "M6 12.5l6 6 6-6"],
  close: ["M6.5 6.5l11 11", "M17.5 6.5l-11 11"],
  clock: ["M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z", "M12 8v4.2l2.8 1.8"],
  sent: ["M5.5 12.8l4 4 9-9.6"],
  read: ["M2 12.8l4 4 9-9.6", "M12 15.8l1.5 1.5 8.5-9.1"],
  failed: ["M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z", "M12 8v4.5", "M12 15.8v.2"],
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
