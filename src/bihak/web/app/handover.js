/** A token that came in the address, as the platform's pages and anybody's link can bring one. */

import { openDialog } from "./dialog.js";
import { el } from "./dom.js";
import { t } from "./words.js";

/** @typedef {{userId: string, name: string}} Person */

/**
 * Whom a token is for, as it says itself: what is asked about it. The server has the last word.
 * @param {string} token @returns {Person | null}
 */
export function personOf(token) {
  try {
    const claims = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(claims), (char) => char.charCodeAt(0));
    const { sub, name } = JSON.parse(new TextDecoder().decode(bytes));
    return typeof sub === "string" ? { userId: sub, name: typeof name === "string" ? name : sub } : null;
  } catch {
    return null;
  }
}

/**
 * A link with no good token must not cost anybody the one they have, nor make them somebody else unasked.
 * @param {Person} next @param {Person} present @param {string} token @returns {Promise<boolean>}
 */
export async function mayBecome(next, present, token) {
  if (!(await isGood(token))) return false;
  return present.userId === next.userId || askToBecome(next, present);
}

/** @param {string} token  as far as the server can be asked */
async function isGood(token) {
  const answer = await fetch("api/settings", { headers: { Authorization: `Bearer ${token}` } }).catch(() => null);
  return answer?.status !== 401;
}

/**
 * Asks whether to become somebody else. Whoever only wanted to follow a link would else write in another's name, and
 * tell whoever made the link.
 * @param {Person} next @param {Person} present @returns {Promise<boolean>}
 */
function askToBecome(next, present) {
  return new Promise((resolve) => {
    const answer = (/** @type {boolean} */ yes) => () => {
      resolve(yes);
      dialog.close();
    };
    const whole = ({ userId, name } = next) => (name === userId ? userId : `${name} (${userId})`);
    const stay = el("button", { class: "button button-plain", type: "button", autofocus: true, onclick: answer(false) });
    stay.textContent = t("handover.stay", { name: present.name });
    const become = el("button", { class: "button", type: "button", onclick: answer(true) }, t("signin.continue"));
    const dialog = openDialog(document.body, {
      title: t("handover.title"),
      body: [
        el("p", {}, t("handover.ask", { name: whole() })),
        el("p", { class: "hint" }, t("handover.leaves", { name: whole(present) })),
        el("div", { class: "question-answers" }, stay, become),
      ],
      onClose: () => resolve(false),
    });
  });
}
