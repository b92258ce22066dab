/** The few form controls that dialogs are made of. */

import { el, fill } from "./dom.js";
import { icon } from "./pictures.js";
import { t } from "./words.js";

let made = 0;

/** @param {string} label @param {HTMLInputElement | HTMLSelectElement} control @param {...import("./dom.js").Child} more */
export function field(label, control, ...more) {
  control.id ||= `field-${++made}`;
  return el(
    "div",
    { class: "field" },
    el("label", { for: control.id }, label),
    el("div", { class: "field-row" }, control, ...more),
  );
}

/**
 * @param {Object} group
 * @param {string} group.label
 * @param {string} group.name
 * @param {string} group.chosen
 * @param {{value: string, label: string, icon?: Parameters<typeof icon>[0], mark?: string}[]} group.options
 * @param {(value: string) => void} group.onchange
 */
export function radios({ label, name, chosen, options, onchange }) {
  const choices = options.map((option) =>
    el(
      "label",
      { class: "choice" },
      el("input", {
        type: "radio",
        name,
        value: option.value,
        checked: option.value === chosen,
        onchange: () => onchange(option.value),
      }),
      option.icon ? icon(option.icon) : null,
      option.mark ? el("span", { class: `presence ${option.mark}`, "aria-hidden": "true" }) : null,
      el("span", {}, option.label),
    ),
  );
  return el("fieldset", { class: "choices" }, el("legend", {}, label), el("div", { class: "choices-row" }, ...choices));
}

/** @param {string} label @param {boolean} isOn @param {(isOn: boolean) => void} onchange @param {string} [hint] */
export function toggle(label, isOn, onchange, hint) {
  const box = el("input", {
    type: "checkbox",
    role: "switch",
    class: "switch",
    checked: isOn,
    onchange: () => onchange(box.checked),
  });
  return el(
    "label",
    { class: "toggle" },
    el("span", {}, label, hint ? el("span", { class: "hint" }, hint) : null),
    box,
  );
}

/** @template {string} T @param {Record<T, string>} options @param {T} chosen @param {(value: T) => void} onchange */
export function select(options, chosen, onchange) {
  const values = /** @type {[T, string][]} */ (Object.entries(options));
  const box = el(
    "select",
    { class: "input", onchange: () => onchange(/** @type {T} */ (box.value)) },
    ...values.map(([value, label]) => el("option", { value, selected: value === chosen }, label)),
  );
  return box;
}

/**
 * A button that asks once more before it does what cannot be undone.
 * @param {string} label @param {string} question @param {() => void} act @param {string} [name]  when the label is short
 */
export function carefully(label, question, act, name = label) {
  const holder = el("div", { class: "careful" });
  const ask = () => {
    const no = el("button", { class: "button button-plain", type: "button", onclick: calm }, t("app.cancel"));
    const yes = el("button", { class: "button button-danger", type: "button", onclick: act }, label);
    fill(holder, el("p", { role: "alert" }, question), no, yes);
    no.focus();
  };
  const calm = () => {
    show();
    /** @type {HTMLElement} */ (holder.firstElementChild).focus();
  };
  const show = () =>
    fill(holder, el("button", { class: "button button-plain danger", type: "button", "aria-label": name, onclick: ask }, label));
  show();
  return holder;
}
