/** A program in TypeScript that stands on the shipped types alone; it is compiled, and never run. */

import { Bihak, Fault, type Entry, type Options, type StateChange } from "@bihak/sdk";

const options: Options = { url: "https://chat.example.org", token: async () => "a token", device: "tablet" };
const bihak = new Bihak(options).connect();

const off: () => void = bihak.on("new_message", ({ conversation_id, content, sender_name }) => {
  const words: string = `${sender_name.toUpperCase()}: ${content}`;
  const entry: Entry = bihak.send(conversation_id, words, { replyToId: null });
  if (entry.state === "failed") void bihak.retry(entry.key);
});
bihak.on("state", ({ state, retryInMs }: StateChange) => console.log(state, (retryInMs ?? 0) / 1000));
bihak.on("resync", ({ conversation_id }) => void read(conversation_id));

async function read(conversationId: number): Promise<string[]> {
  try {
    const { messages, has_more } = await bihak.history(conversationId, { limit: 20 });
    return has_more ? [] : messages.map(({ content }) => content);
  } catch (fault) {
    if (fault instanceof Fault && fault.retryable) return read(conversationId);
    throw fault;
  }
}

off();
// @ts-expect-error: there is no such event
bihak.on("new_massage", () => {});
// @ts-expect-error: a conversation is a number
bihak.send("12", "Hello");
// @ts-expect-error: an answer has no such field
void bihak.history(1).then(({ massages }) => massages);
