/** What a search finds: in the conversations that are here, among people, and in all that was said. */

import { KeyedChildren, Press, el, fill, say } from "./dom.js";
import { marked, matches } from "./matching.js";
import { avatar } from "./pictures.js";
import { hrefOf } from "./route.js";
import { rove } from "./roving.js";
import { conversationRow, rowOf } from "./sidebar.js";
import { isDirect } from "./state.js";
import { brief, exactly, faultWords, typeWord } from "./wording.js";
import { t } from "./words.js";

/** @typedef {import("../sdk/wire.js").Participant} Participant */
/** @typedef {import("../sdk/wire.js").Message} Message */
/** @typedef {import("./chat.js").Context} Context */
/** @typedef {import("./route.js").Route} Route */

const ASK_AFTER_MS = 200;
const MESSAGES = 20;

export class Findings {
  #context;
  #node;
  #said;
  #roved;
  #query = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {Participant[]} */
  #people = [];
  /** The latest first. @type {Message[]} */
  #messages = [];
  #hasMore = false;
  /** The question that is asked, so that a late answer to another one is passed over. */
  #asked = "";
  #problem = "";
  /** @type {Route} */
  #route = { as: null, conversationId: null, messageId: null };
  #press;
  #conversations = new Section(t("list.title"), conversationRow);
  #strangers = new Section(t("signin.people"), (/** @type {Participant} */ person) => this.#person(person));
  #sayings = new Section(t("log.label"), (/** @type {Message} */ message) => this.#message(message));
  #more = el("button", { class: "link-button results-more", type: "button", onclick: () => this.#older() }, t("find.more"));
  #note = el("p", { class: "results-note" });

  /**
   * @param {Context} context
   * @param {HTMLElement} node  where they are put
   * @param {HTMLElement} said  where it is told how many they are
   * @param {() => void} back  called when the way up leads out of them
   */
  constructor(context, node, said, back) {
    this.#context = context;
    this.#node = node;
    this.#said = said;
    this.#roved = rove(node, { before: back });
    this.#press = new Press(node, () => this.#query && this.show());
    fill(node, this.#conversations.node, this.#strangers.node, this.#sayings.node, this.#more, this.#note);
  }

  end() {
    clearTimeout(this.#timer);
  }

  /** @param {string} query  empty: no longer @param {Route} route */
  search(query, route) {
    clearTimeout(this.#timer);
    this.#query = query;
    if (query === "") return this.#forget();
    this.#timer = setTimeout(() => void this.#ask(), ASK_AFTER_MS);
    this.show(route);
  }

  /** Again, for what is known may have changed. @param {Route} [route] */
  show(route = this.#route) {
    this.#route = route;
    this.#show();
  }

  #forget() {
    this.#asked = "";
    this.#people = [];
    this.#messages = [];
    this.#hasMore = false;
    this.#problem = "";
    say(this.#said, "");
  }

  async #ask() {
    const asked = this.#query;
    this.#asked = asked;
    const { bihak } = this.#context;
    try {
      const [people, found] = await Promise.all([bihak.people(asked), bihak.search(asked, { limit: MESSAGES })]);
      if (this.#asked !== asked) return;
      this.#people = people;
      this.#messages = found.messages.toReversed();
      this.#hasMore = found.has_more;
      this.#problem = "";
    } catch (fault) {
      if (this.#asked !== asked) return;
      this.#problem = faultWords(fault);
    }
    this.#show();
    say(this.#said, t("find.found", { count: this.#node.querySelectorAll("li").length }));
  }

  async #older() {
    const asked = this.#asked;
    const before = this.#messages.at(-1)?.message_id;
    const found = await this.#context.bihak.search(asked, { limit: MESSAGES, before }).catch(() => null);
    if (!found || this.#asked !== asked) return;
    this.#messages.push(...found.messages.toReversed());
    this.#hasMore = found.has_more;
    this.#show();
  }

  #show() {
    if (this.#press.isDown) return;
    const { state } = this.#context.store;
    const query = this.#query;
    const conversations = state.conversations
      .filter((each) => matches(query, [state.titleOf(each), ...state.othersIn(each).map(({ name }) => name)]))
      .map((each) => rowOf(this.#context, each, this.#route));
    // Those with whom one already talks are among the conversations.
    const people = this.#people.filter(({ user_id }) => user_id !== state.myId && !state.findDirect(user_id));
    this.#conversations.show(conversations, ({ id }) => id);
    this.#strangers.show(people, ({ user_id }) => user_id);
    const around = (/** @type {Message} */ { conversation_id: id }) => {
      const conversation = state.find(id);
      return [query, conversation && state.titleOf(conversation)];
    };
    this.#sayings.show(this.#messages, ({ message_id }) => message_id, around);
    this.#more.hidden = !this.#hasMore;
    const isNothing = conversations.length + people.length + this.#messages.length === 0 && this.#asked === query;
    say(this.#note, this.#problem || (isNothing ? t("find.nothing", { query }) : ""));
    this.#note.hidden = this.#note.textContent === "";
    this.#roved();
  }

  /** @param {Participant} person */
  #person(person) {
    const { user_id: userId, name, avatar_url: picture, status } = person;
    const open = async () => {
      try {
        const conversationId = await this.#context.store.direct(userId);
        this.#context.navigate({ conversationId });
      } catch (fault) {
        this.#problem = faultWords(fault);
        this.#show();
      }
    };
    return el(
      "li",
      {},
      el(
        "button",
        { class: "person", type: "button", onclick: open },
        avatar({ userId, name, picture, status }),
        el("span", { class: "person-name" }, el("bdi", {}, name)),
        el("span", { class: "chip" }, typeWord(person.participant_type)),
      ),
    );
  }

  /** @param {Message} message */
  #message(message) {
    const { conversation_id: conversationId, message_id: messageId, created_at: moment, content } = message;
    const { state } = this.#context.store;
    const conversation = state.find(conversationId);
    const who = state.isMine(message) ? t("message.you") : message.sender_name;
    const isNamed = conversation && !isDirect(conversation);
    return el(
      "li",
      {},
      el(
        "a",
        { class: "found", href: hrefOf({ as: this.#route.as, conversationId, messageId }) },
        el("span", { class: "found-who" }, el("bdi", {}, isNamed ? `${who} · ${state.titleOf(conversation)}` : who)),
        el("time", { class: "conversation-when", datetime: moment, title: exactly(moment) }, brief(moment)),
        el("span", { class: "excerpt", dir: "auto" }, ...marked(content, this.#query)),
      ),
    );
  }
}

/**
 * What is found of one kind, or nothing.
 * @template T
 */
class Section {
  #list;
  #rows;
  node;

  /** @param {string} title @param {(item: T) => HTMLElement} build */
  constructor(title, build) {
    this.#list = el("ul", { role: "list", "aria-label": title });
    this.#rows = new KeyedChildren(this.#list, build);
    this.node = el("section", { hidden: true }, el("h2", { class: "results-title" }, title), this.#list);
  }

  /**
   * @param {readonly T[]} items @param {(item: T) => string | number} keyOf
   * @param {(item: T) => unknown} [around]  what else a row shows
   */
  show(items, keyOf, around = () => null) {
    this.node.hidden = items.length === 0;
    this.#rows.show(items.map((item) => ({ key: String(keyOf(item)), print: JSON.stringify([item, around(item)]), item })));
  }
}
