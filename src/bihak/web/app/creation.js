/** Starting a conversation: with one person, in a group, or to many who only listen. */

import { openDialog, problem } from "./dialog.js";
import { el, say } from "./dom.js";
import { field, radios } from "./fields.js";
import { Picker } from "./picker.js";
import { faultWords } from "./wording.js";
import { t } from "./words.js";

/** @typedef {import("../sdk/wire.js").Participant} Participant */
/** @typedef {import("./chat.js").Context} Context */
/** @typedef {"direct" | "team" | "broadcast"} Kind */

/** @param {Context} context */
export function openCreation(context) {
  /** @type {Kind} */
  let kind = "direct";
  /** @type {Participant[]} */
  let picked = [];
  const fault = problem();
  const name = el("input", { class: "input", maxlength: 200, autocomplete: "off" });
  const nameField = field(t("create.name"), name);
  const submit = el("button", { class: "button", type: "submit" }, t("create.submit"));
  const picker = new Picker(context, {
    changed: (people) => {
      picked = people;
      if (kind === "direct" && picked.length > 0) void create();
      else show();
    },
  });
  const kinds = radios({
    label: t("create.kind"),
    name: "kind",
    chosen: "direct",
    options: [
      { value: "direct", label: t("create.direct"), icon: "person" },
      { value: "team", label: t("create.team"), icon: "group" },
      { value: "broadcast", label: t("create.broadcast"), icon: "broadcast" },
    ],
    onchange: (value) => {
      kind = /** @type {Kind} */ (value);
      picker.single = kind === "direct";
      show();
    },
  });
  const hint = el("p", { class: "hint" });

  const show = () => {
    nameField.hidden = submit.hidden = kind === "direct";
    submit.disabled = picked.length === 0;
    say(hint, HINTS[kind]());
  };

  const create = async () => {
    say(fault, "");
    submit.disabled = true;
    try {
      const userIds = picked.map(({ user_id }) => user_id);
      const conversationId =
        kind === "direct"
          ? await context.store.direct(userIds[0])
          : await context.store.create(kind, userIds, name.value.trim() || undefined);
      dialog.close();
      context.navigate({ conversationId });
    } catch (error) {
      say(fault, faultWords(error));
      show();
    }
  };

  const onsubmit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    void create();
  };
  picker.single = true;
  show();
  const form = el("form", { class: "stack", onsubmit }, kinds, hint, nameField, picker.node, fault, submit);
  const dialog = openDialog(context.host, { title: t("create.title"), body: [form], kind: "dialog-tall" });
  picker.focus();
}

/** @type {Record<Kind, () => string>} */
const HINTS = {
  direct: () => t("create.directHint"),
  team: () => t("create.teamHint"),
  broadcast: () => t("create.broadcastHint"),
};
