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
  new Creation(context);
}

class Creation {
  #context;
  /** @type {Kind} */
  #kind = "direct";
  /** @type {Participant[]} */
  #picked = [];
  #fault = problem();
  #hint = el("p", { class: "hint" });
  #name = el("input", { class: "input", maxlength: 200, autocomplete: "off" });
  #nameField = field(t("create.name"), this.#name);
  #submit = el("button", { class: "button", type: "submit" }, t("create.submit"));
  #picker;
  #dialog;

  /** @param {Context} context */
  constructor(context) {
    this.#context = context;
    this.#picker = new Picker(context, { changed: (people) => this.#pick(people) });
    this.#picker.single = true;
    const parts = [this.#kinds(), this.#hint, this.#nameField, this.#picker.node, this.#fault, this.#submit];
    const form = el("form", { class: "stack", onsubmit: (event) => this.#submitted(event) }, ...parts);
    this.#show();
    this.#dialog = openDialog(context.host, { title: t("create.title"), body: [form], kind: "dialog-tall" });
    this.#picker.focus();
  }

  #kinds() {
    return radios({
      label: t("create.kind"),
      name: "kind",
      chosen: this.#kind,
      options: [
        { value: "direct", label: t("create.direct"), icon: "person" },
        { value: "team", label: t("create.team"), icon: "group" },
        { value: "broadcast", label: t("create.broadcast"), icon: "broadcast" },
      ],
      onchange: (value) => {
        this.#kind = /** @type {Kind} */ (value);
        this.#picker.single = this.#isDirect;
        this.#show();
      },
    });
  }

  get #isDirect() {
    return this.#kind === "direct";
  }

  #show() {
    this.#nameField.hidden = this.#submit.hidden = this.#isDirect;
    this.#submit.disabled = this.#picked.length === 0;
    say(this.#hint, HINTS[this.#kind]());
  }

  /** One person is all that it takes. @param {Participant[]} people */
  #pick(people) {
    this.#picked = people;
    if (this.#isDirect && people.length > 0) void this.#create();
    else this.#show();
  }

  /** @param {SubmitEvent} event */
  #submitted(event) {
    event.preventDefault();
    void this.#create();
  }

  async #create() {
    say(this.#fault, "");
    this.#submit.disabled = true;
    try {
      const conversationId = await this.#made();
      this.#dialog.close();
      this.#context.navigate({ conversationId });
    } catch (error) {
      say(this.#fault, faultWords(error));
      this.#show();
    }
  }

  /** @returns {Promise<number>} its id */
  #made() {
    const { store } = this.#context;
    const userIds = this.#picked.map(({ user_id }) => user_id);
    if (this.#kind === "direct") return store.direct(userIds[0]);
    return store.create(this.#kind, userIds, this.#name.value.trim() || undefined);
  }
}

/** @type {Record<Kind, () => string>} */
const HINTS = {
  direct: () => t("create.directHint"),
  team: () => t("create.teamHint"),
  broadcast: () => t("create.broadcastHint"),
};
