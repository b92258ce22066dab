/** A conversation's own page: who is in it, what it is called, whether it is quiet, and the way out. */

import { openDialog, problem } from "./dialog.js";
import { KeyedChildren, el, fill, say } from "./dom.js";
import { carefully, field, toggle } from "./fields.js";
import { Picker } from "./picker.js";
import { avatar, groupAvatar } from "./pictures.js";
import { isDirect } from "./state.js";
import { faultWords, presenceOf, statusWord, typeWord } from "./wording.js";
import { t } from "./words.js";

/** @typedef {import("../sdk/wire.js").Conversation} Conversation */
/** @typedef {import("../sdk/wire.js").Participant} Participant */
/** @typedef {import("./chat.js").Context} Context */

/** @param {Context} context @param {number | null} conversationId */
export function openDetails(context, conversationId) {
  if (conversationId !== null && context.store.state.find(conversationId)) new Details(context, conversationId);
}

class Details {
  #context;
  #id;
  #problem = problem();
  #members = el("ul", { class: "members", role: "list", "aria-label": t("group.members") });
  #rows = new KeyedChildren(this.#members, (/** @type {Member} */ member, _isNew, before) =>
    this.#member(member, before),
  );
  #head = el("div", { class: "details-head" });
  #manage = el("div", { class: "stack" });
  #dialog;
  #render = () => this.#show();

  /** @param {Context} context @param {number} id */
  constructor(context, id) {
    this.#context = context;
    this.#id = id;
    const { store } = context;
    const mute = toggle(t("group.mute"), store.preferences.isMuted(id), (on) => store.preferences.mute(id, on), t("group.muteHint"));
    const body = [this.#head, mute, this.#problem, this.#manage, this.#members, this.#leave()];
    this.#dialog = openDialog(context.host, {
      title: t("pane.details"),
      body,
      onClose: () => store.removeEventListener("change", this.#render),
    });
    store.addEventListener("change", this.#render);
    this.#renderManage();
    this.#show();
  }

  get #conversation() {
    return this.#context.store.state.find(this.#id);
  }

  #show() {
    const conversation = this.#conversation;
    if (!conversation) return this.#dialog.close();
    this.#renderHead(conversation);
    this.#renderManage();
    if (isDirect(conversation)) return;
    const { state } = this.#context.store;
    const mayRemove = state.mayManage(conversation);
    this.#rows.show(
      inOrder(conversation.participants).map((participant) => {
        const isMe = participant.user_id === state.myId;
        const known = state.people.find(participant.user_id);
        const person = { ...participant, ...known, role: participant.role };
        // Nobody is told of their own status.
        if (isMe) person.status = this.#context.store.status;
        const item = { person, isMe, mayRemove: mayRemove && !isMe };
        const { user_id: key, name, status, role } = person;
        return { key, print: JSON.stringify([name, status, role, item.mayRemove]), item };
      }),
    );
  }

  /** @param {Conversation} conversation */
  #renderHead(conversation) {
    const { state } = this.#context.store;
    const title = state.titleOf(conversation);
    const [other] = state.othersIn(conversation).map((each) => state.people.find(each.user_id) ?? each);
    const kind = conversation.conversation_type;
    const words = isDirect(conversation)
      ? presenceOf(other)
      : `${KINDS[kind]?.() ?? kind} · ${t("members.count", { count: conversation.participants.length })}`;
    const print = JSON.stringify([title, words, other?.status]);
    if (this.#head.dataset.shown === print) return;
    this.#head.dataset.shown = print;
    const { user_id: userId = "", avatar_url: picture, status } = other ?? {};
    fill(
      this.#head,
      isDirect(conversation)
        ? avatar({ userId, name: title, picture, status, size: "large" })
        : groupAvatar(this.#id, kind, "large"),
      el("div", {}, el("p", { class: "details-title" }, el("bdi", {}, title)), el("p", { class: "hint" }, words)),
    );
  }

  /** Built once for each right: a field must not be emptied under the fingers of whoever writes in it. */
  #renderManage() {
    const conversation = this.#conversation;
    const may = Boolean(conversation && this.#context.store.state.mayManage(conversation));
    if (this.#manage.dataset.shown === String(may)) return;
    this.#manage.dataset.shown = String(may);
    this.#manage.hidden = !may;
    if (may && conversation) fill(this.#manage, this.#rename(conversation), this.#add());
    else fill(this.#manage);
  }

  /** @param {Conversation} conversation */
  #rename({ name }) {
    const input = el("input", { class: "input", value: name ?? "", maxlength: 200, required: true, autocomplete: "off" });
    const save = el("button", { class: "button", type: "submit" }, t("app.save"));
    const onsubmit = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      void this.#try(this.#context.bihak.rename(this.#id, input.value.trim()));
    };
    return el("form", { onsubmit }, field(t("create.name"), input, save));
  }

  #add() {
    const holder = el("div", { class: "stack" });
    const open = () => {
      /** @type {Participant[]} */
      let picked = [];
      const add = el("button", { class: "button", type: "button", disabled: true }, t("group.add"));
      const excluded = this.#conversation?.participants.map(({ user_id }) => user_id);
      const picker = new Picker(this.#context, {
        excluded,
        changed: (people) => {
          picked = people;
          add.disabled = people.length === 0;
        },
      });
      add.onclick = async () => {
        const userIds = picked.map(({ user_id }) => user_id);
        if (await this.#try(this.#context.bihak.addParticipants(this.#id, userIds))) close();
      };
      fill(holder, picker.node, add);
      picker.focus();
    };
    const button = el("button", { class: "button button-plain", type: "button", onclick: open }, t("group.addPeople"));
    const close = () => {
      fill(holder, button);
      button.focus();
    };
    fill(holder, button);
    return holder;
  }

  /** @typedef {{person: Participant, isMe: boolean, mayRemove: boolean}} Member */

  /** @param {Member} member @param {HTMLElement} [before] */
  #member({ person, isMe, mayRemove }, before) {
    const { user_id: userId, name, avatar_url: picture, status, role } = person;
    const face = avatar({ userId, name, picture, status });
    const words = el(
      "span",
      { class: "person-name" },
      el("bdi", {}, isMe ? `${name} (${t("message.you")})` : name),
      el("span", { class: "hint" }, `${typeWord(person.participant_type)} · ${statusWord(status ?? "offline")}`),
    );
    const shown = JSON.stringify([name, role, mayRemove]);
    if (before?.dataset.shown === shown) {
      // What stays may be asking whether somebody shall be removed.
      before.children[0].replaceWith(face);
      before.children[1].replaceWith(words);
      return before;
    }
    const remove = () => void this.#try(this.#context.bihak.removeParticipant(this.#id, userId));
    const label = t("group.remove");
    return el(
      "li",
      { class: "member", "data-shown": shown },
      face,
      words,
      role === "owner" ? el("span", { class: "chip" }, t("group.owner")) : null,
      mayRemove ? carefully(label, t("group.removeSure", { name }), remove, t("group.removeName", { name })) : null,
    );
  }

  #leave() {
    const conversation = this.#conversation;
    if (!conversation || isDirect(conversation)) return null;
    const leave = async () => {
      if (!(await this.#try(this.#context.bihak.leave(this.#id)))) return;
      this.#dialog.close();
      this.#context.navigate({ conversationId: null });
    };
    return carefully(t("group.leave"), t("group.leaveSure"), () => void leave());
  }

  /** @param {Promise<unknown>} asked @returns {Promise<boolean>} whether it was done; else the dialog says why not */
  async #try(asked) {
    say(this.#problem, "");
    try {
      await asked;
      return true;
    } catch (fault) {
      say(this.#problem, faultWords(fault));
      return false;
    }
  }
}

/** @type {Record<string, () => string>} */
const KINDS = {
  team: () => t("create.team"),
  broadcast: () => t("create.broadcast"),
  exercise: () => t("group.exercise"),
};

/** Owners first, then by name. @param {Participant[]} participants */
const inOrder = (participants) =>
  participants.toSorted(
    (a, b) => Number(b.role === "owner") - Number(a.role === "owner") || a.name.localeCompare(b.name),
  );
