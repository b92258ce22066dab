/** The emoji somebody used lately on this browser, the last one first. */

import { RECENT } from "./belongings.js";

/** Always at hand, until others were used more lately. */
const QUICK = ["👍", "❤️", "😂", "🎉", "😮", "🙏"];
const MOST = 18;

/** @returns {string[]} */
export function recentEmoji() {
  try {
    const stored = JSON.parse(localStorage.getItem(RECENT) ?? "[]");
    return Array.isArray(stored) ? stored.filter((one) => typeof one === "string") : [];
  } catch {
    return [];
  }
}

/** @param {string} emoji */
export function usedEmoji(emoji) {
  try {
    const all = [emoji, ...recentEmoji().filter((one) => one !== emoji)].slice(0, MOST);
    localStorage.setItem(RECENT, JSON.stringify(all));
  } catch {
    // Without storage the usual ones are offered.
  }
}

/** @param {number} count @returns {string[]} what is offered first: those used lately, then the usual ones */
export const quickEmoji = (count) => [...new Set([...recentEmoji(), ...QUICK])].slice(0, count);
