/** The first screen: who are you? */

import { el } from "./dom.js";
import { field, select } from "./fields.js";
import { avatar } from "./pictures.js";
import { hrefOf } from "./route.js";
import { typeWord } from "./wording.js";
import { languageNames, spoken, t } from "./words.js";

/** @typedef {import("./app.js").Config} Config */

const USER_ID = "[a-z][a-z0-9]*_[1-9][0-9]{0,15}";

/**
 * @param {Object} options
 * @param {Config} options.config
 * @param {string} [options.notice]
 * @param {(token: string) => void} options.useToken
 * @param {(userId: string) => void} options.usePerson
 * @param {(language: import("./words.js").Language) => void} options.useLanguage
 */
export function signIn({ config, notice, useToken, usePerson, useLanguage }) {
  const trusted = config.auth_mode === "trusted";
  const language = select(languageNames(), spoken(), useLanguage);
  language.setAttribute("aria-label", t("app.language"));
  return el(
    "main",
    { class: "signin" },
    el(
      "div",
      { class: "card" },
      el("img", { class: "card-mark", src: "app/icon.svg", alt: "", width: 56, height: 56 }),
      el("h1", {}, trusted ? t("signin.who") : t("signin.welcome")),
      el("p", { class: "card-lead" }, trusted ? lead(config) : t("signin.tokenLead")),
      notice ? el("p", { class: "card-notice", role: "alert" }, notice) : null,
      trusted ? people(config) : null,
      trusted ? otherPerson(usePerson) : tokenForm(useToken),
    ),
    el("div", { class: "signin-foot" }, el("p", {}, `${t("app.name")} ${config.version ?? ""}`), language),
  );
}

/** @param {Config} config */
const lead = ({ people }) => (people.length > 0 ? t("signin.lead") : "");

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
        el("span", { class: "chip" }, typeWord(participant_type)),
      ),
    ),
  );
  return el("ul", { class: "people", "aria-label": t("signin.people"), role: "list" }, ...rows);
}

/** @param {(userId: string) => void} usePerson */
function otherPerson(usePerson) {
  const input = el("input", {
    class: "input",
    placeholder: "user_42",
    pattern: USER_ID,
    title: t("signin.otherHint"),
    required: true,
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
  });
  return form(t("signin.other"), input, t("signin.continue"), () => usePerson(input.value.trim()));
}

/** @param {(token: string) => void} useToken */
function tokenForm(useToken) {
  const input = el("input", {
    class: "input",
    type: "password",
    required: true,
    autocomplete: "off",
    spellcheck: "false",
  });
  return form(t("signin.token"), input, t("signin.signIn"), () => useToken(input.value.trim()));
}

/** @param {string} label @param {HTMLInputElement} input @param {string} action @param {() => void} submitted */
function form(label, input, action, submitted) {
  const onsubmit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    submitted();
  };
  const submit = el("button", { class: "button", type: "submit" }, action);
  return el("form", { class: "signin-form", onsubmit }, field(label, input, submit));
}
