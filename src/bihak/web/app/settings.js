/** What somebody may choose: how they appear, what others hear of, how it looks and in which language. */

import { askPermission, permission } from "./alerts.js";
import { openDialog, problem } from "./dialog.js";
import { el, say } from "./dom.js";
import { field, radios, select, toggle } from "./fields.js";
import { chooseTheme, theme } from "./belongings.js";
import { openHelp } from "./keyhelp.js";
import { avatar, icon } from "./pictures.js";
import { faultWords } from "./wording.js";
import { choose, languageNames, spoken, t } from "./words.js";

/** @typedef {import("./chat.js").Context} Context */
/** @typedef {import("./words.js").Language} Language */
/**
 * Shows what is read whenever it has changed, be it from elsewhere: not what is being chosen and not stored yet.
 * @typedef {<T>(read: () => T, show: (now: T) => void) => void} Follow
 */

/**
 * @param {Context} context
 * @param {{leaveWord: "signin.switch" | "signin.signOut" | null, onLanguage: () => void}} options
 */
export function openSettings(context, { leaveWord, onLanguage }) {
  const { store } = context;
  const { me } = store.state;
  const fault = problem();
  const closed = new AbortController();
  /** @type {Follow} */
  const follow = (read, show) => {
    let shown = read();
    const look = () => {
      const now = read();
      if (now !== shown) show((shown = now));
    };
    store.addEventListener("change", look, { signal: closed.signal });
  };
  const body = [
    me ? identity(me) : null,
    fault,
    status(context, fault, follow),
    readReceipts(context, fault, follow),
    alerts(context, follow),
    // On somebody else's page it looks as that page does.
    el("div", { class: "field-pair" }, context.host.getRootNode() === document && look(), language(onLanguage, fault)),
    footer(context, leaveWord),
  ];
  openDialog(context.host, { title: t("settings.title"), body, onClose: () => closed.abort() });
}

/** @param {import("../sdk/cache.js").Me} me */
const identity = ({ user_id: userId, name }) =>
  el(
    "div",
    { class: "details-head" },
    avatar({ userId, name, size: "large" }),
    el("div", {}, el("p", { class: "details-title" }, el("bdi", {}, name)), el("p", { class: "hint" }, userId)),
  );

/** @param {Context} context @param {HTMLElement} fault @param {Follow} follow */
function status({ store }, fault, follow) {
  const node = radios({
    label: t("status.mine"),
    name: "status",
    chosen: store.status,
    options: [
      { value: "online", label: t("status.online"), mark: "presence-online" },
      { value: "away", label: t("status.away"), mark: "presence-away" },
      { value: "offline", label: t("status.invisible"), mark: "presence-offline" },
    ],
    onchange: (value) => attempt(fault, store.setStatus(/** @type {import("../sdk/wire.js").Status} */ (value))),
  });
  follow(
    () => store.status,
    (now) => node.querySelectorAll("input").forEach((each) => (each.checked = each.value === now)),
  );
  return node;
}

/** @param {Context} context @param {HTMLElement} fault @param {Follow} follow */
function readReceipts({ store }, fault, follow) {
  const change = (/** @type {boolean} */ isOn) => attempt(fault, store.shareReads(isOn));
  const node = toggle(t("settings.reads"), store.sharesReads, change, t("settings.readsHint"));
  follow(
    () => store.sharesReads,
    (now) => node.querySelectorAll("input").forEach((box) => (box.checked = now)),
  );
  return node;
}

/** @param {Context} context @param {Follow} follow */
function alerts({ store }, follow) {
  const hint = el("p", { class: "hint", role: "status" }, permission() === "denied" ? t("settings.alertsDenied") : "");
  const button = el("button", { class: "button button-plain", type: "button" });
  const show = () => say(button, store.preferences.all.alerts ? t("settings.alertsOff") : t("settings.alertsOn"));
  button.disabled = permission() === "missing";
  button.onclick = async () => {
    const wanted = !store.preferences.all.alerts;
    const may = wanted && (await askPermission());
    store.preferences.choose({ alerts: may });
    say(hint, wanted && !may ? t("settings.alertsDenied") : "");
    show();
  };
  show();
  follow(() => store.preferences.all.alerts, show);
  return el("div", { class: "toggle" }, el("div", {}, t("settings.alerts"), hint), button);
}

const look = () =>
  field(
    t("settings.theme"),
    select(
      { system: t("settings.themeSystem"), light: t("settings.themeLight"), dark: t("settings.themeDark") },
      theme(),
      chooseTheme,
    ),
  );

/** @param {() => void} onLanguage @param {HTMLElement} fault */
function language(onLanguage, fault) {
  const change = async (/** @type {Language} */ wanted) => {
    try {
      await choose(wanted);
    } catch {
      box.value = spoken();
      return say(fault, t("error.disconnected"));
    }
    onLanguage();
  };
  const box = select(languageNames(), spoken(), change);
  return field(t("app.language"), box);
}

/** @param {Context} context @param {"signin.switch" | "signin.signOut" | null} leaveWord */
function footer({ host }, leaveWord) {
  const help = () => openHelp(host);
  return el(
    "div",
    { class: "dialog-foot" },
    el("button", { class: "button button-plain", type: "button", onclick: help }, icon("keys"), t("keys.title")),
    leaveWord ? el("a", { class: "button button-plain", href: "#" }, icon("leave"), t(leaveWord)) : null,
  );
}

/** @param {HTMLElement} fault @param {Promise<unknown>} asked */
async function attempt(fault, asked) {
  say(fault, "");
  await asked.catch((error) => say(fault, faultWords(error)));
}
