// Shows when the page asks the model for a title, and what it takes as title.
import { GenerateRequestSchema, type GenerateRequest, type WorkerInfo } from "@waggle/protocol";
import { expect, it } from "vitest";
import type { Api } from "../../wire/api.ts";
import { newAnswer, type Answer } from "../conversation/answer.ts";
import { titleFor } from "../conversation/conversation.ts";
import type { Conversations } from "../storage/conversations.ts";
import { openAlone } from "../testing/open-alone.ts";
import { aboutWorker, oneModel } from "../testing/worker.ts";
import { createTitles, titleIn } from "./titles.ts";

interface Talk {
  readonly conversations: Conversations;
  readonly id: string;
  readonly sent: GenerateRequest[];
  /** Ends the first answer, whose title request gets these frames. */
  end(frames: readonly object[], status?: number): Promise<void>;
}

const message = { role: "user", id: "u", text: "Why do bees dance?", sentAt: 0 } as const;
const answer: Answer = { ...newAnswer("a", "job", 1, "u"), phase: "done", text: "To show the way." };
const writes = (text: string, finish_reason = "stop"): readonly object[] => [
  { type: "token", index: 0, text: "Hm.", part: "reasoning" },
  { type: "token", index: 1, text },
  { type: "end", finish_reason },
];

async function talk(info: Partial<WorkerInfo> = { chat_titles: true }): Promise<Talk> {
  const conversations = await openAlone();
  const { id } = conversations.current.value;
  conversations.add(id, [message, answer], { title: titleFor(message) });
  const sent: GenerateRequest[] = [];
  let next = new Response();
  const api = {
    request: (_: string, { body }: { readonly body: string }) => {
      sent.push(GenerateRequestSchema.parse(JSON.parse(body)));
      return Promise.resolve(next);
    },
  } as unknown as Api;
  const writeTitle = createTitles({ api, conversations, about: aboutWorker(info), choice: oneModel });
  return {
    conversations,
    id,
    sent,
    async end(frames, status = 200) {
      next = new Response(frames.map((frame) => `data: ${JSON.stringify(frame)}\n\n`).join(""), { status });
      await writeTitle(id, answer);
    },
  };
}

it("asks after the first answer, with a short job of low priority that does not think", async () => {
  const thinking = { format: "x", tools: false, parallel_tool_calls: false, switches: [], template_variables: [] };
  const { conversations, sent, end } = await talk({
    chat_titles: true,
    chat: { ...thinking, thinking: "switchable" },
  });
  await end(writes("“The dance of bees”\n"));
  expect(conversations.current.value).toMatchObject({ title: "The dance of bees" });
  expect(conversations.current.value.named).toBeUndefined();
  expect(sent).toHaveLength(1);
  expect(sent[0]).toMatchObject({ priority: -10, max_tokens: 32, enable_thinking: false });
  expect(sent[0]?.session_id).toBeUndefined();
  await end(writes("Another title"));
  expect(sent).toHaveLength(1);
});

it.each([
  ["that is cut off", writes("Bees and their", "length"), 200],
  ["that is empty", writes(" "), 200],
  ["whose job fails", [{ type: "error", code: "internal", message: "No." }], 200],
  ["that is refused", [], 429],
] as const)("keeps the first message instead of a title %s", async (_, frames, status) => {
  const { conversations, end, sent } = await talk();
  await end(frames, status);
  expect(sent).toHaveLength(1);
  expect(conversations.current.value.title).toBe("Why do bees dance?");
});

it("does not ask at a worker without the setting, after a second message, or for a conversation with a name", async () => {
  const without = await talk({});
  await without.end(writes("A title"));
  expect(without.sent).toEqual([]);
  const named = await talk();
  named.conversations.add(named.id, [], { title: "Mine", named: true });
  await named.end(writes("A title"));
  expect(named.sent).toEqual([]);
  const longer = await talk();
  longer.conversations.add(longer.id, [{ ...message, id: "u2", parent: "a" }], {});
  await longer.end(writes("A title"));
  expect(longer.sent).toEqual([]);
});

it.each([
  ["Bee dances", "Bee dances"],
  ["**Bee dances**", "Bee dances"],
  ["# Title: Bee dances.\nA text.", "Bee dances"],
  ['"What\'s a bee?"', "What's a bee?"],
  ["x".repeat(81), undefined],
])("of %j, takes %j as title", (text, title) => expect(titleIn(text)).toBe(title));
