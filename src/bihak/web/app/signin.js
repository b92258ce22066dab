/** The first screen: who are you? */

import { avatar } from "./avatar.js";
import { el } from "./dom.js";
import { hrefOf } from "./route.js";

/** @typedef {import("./app.js").Config} Config */

const USER_ID = "[a-z][a-z0-9]*_[1-9][0-9]{0,15}";

/**
 * @param {Object} options
 * @param {Config} options.config
 * @param {string} [options.notice]
 * @param {(token: string) => void} options.useToken
 * @param {(userId: string) => void} options.usePerson
 */
export function signIn({ config, notice, useToken, usePerson }) {
  const trusted = config.auth_mode === "trusted";
  return el(
    "main",
    { class: "signin" },
    el(
      "div",
      { class: "card" },
      el("img", { class: "card-mark", src: "app/icon.svg", alt: "", width: 56, height: 56 }),
      el("h1", {}, trusted ? "Who are you today?" : "Welcome"),
      el("p", { class: "card-lead" }, trusted ? lead(config) : "Sign in with the token that your platform gave you."),
      notice ? el("p", { class: "card-notice", role: "alert" }, notice) : null,
      trusted ? people(config) : null,
      trusted ? otherPerson(usePerson) : tokenForm(useToken),
    ),
    el("p", { class: "signin-foot" }, `Bihak Messaging ${config.version ?? ""}`),
  );
}

/** @param {Config} config */
const lead = ({ people }) =>
  people.length > 0 ? "Pick a person to look through their eyes. Open a second tab to answer as somebody else." : "";

/** @param {Config} config */
function people(config) {
  if (config.people.length === 0) return null;
  const rows = config.people.map(({ user_id, name, participant_type }) =>
    el(
      "li",
      {},
      el(
        "a",
        { class: "person", href: hrefOf({ as: user_id }) },
        avatar({ userId: user_id, name }),
        el("span", { class: "person-name" }, el("bdi", {}, name)),
        el("span", { class: "chip" }, participant_type),
      ),
    ),
  );
  return el("ul", { class: "people", "aria-label": "People", role: "list" }, ...rows);
}

/** @param {(userId: string) => void} usePerson */
function otherPerson(usePerson) {
  const input = el("input", {
    id: "other-person",
    class: "input",
    placeholder: "user_42",
    pattern: USER_ID,
    title: "A type and a number, as in user_42",
    required: true,
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
  });
  return form("Somebody else", input, "Continue", () => usePerson(input.value.trim()));
}

/** @param {(token: string) => void} useToken */
function tokenForm(useToken) {
  const input = el("input", {
    id: "token",
    class: "input",
    type: "password",
    required: true,
    autocomplete: "off",
    spellcheck: "false",
  });
  return form("Token", input, "Sign in", () => useToken(input.value.trim()));
}

/** @param {string} label @param {HTMLInputElement} input @param {string} action @param {() => void} submitted */
function form(label, input, action, submitted) {
  const onsubmit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    submitted();
  };
  return el(
    "form",
    { class: "field", onsubmit },
    el("label", { for: input.id }, label),
    el("div", { class: "field-row" }, input, el("button", { class: "button", type: "submit" }, action)),
  );
}
