import type { EndEvent, TokenEvent } from "@waggle/protocol";
import { expect, it } from "vitest";
import { chatCompletion } from "./chat.ts";

const stream = { stream_id: "s", seq: 0 };
const end = { ...stream, type: "end", finish_reason: "stop" } as unknown as EndEvent;

function token(text: string, index: number): TokenEvent {
  const logprobs = [{ id: index, token: text, bytes: [...Buffer.from(text)], logprob: -1, top: [] }];
  return { ...stream, type: "token", index, text, t_ms: index, logprobs } as unknown as TokenEvent;
}

it("streams the logprobs of every token, also of those whose text is in no part", () => {
  const choices = chatCompletion({ reasoning: "reasoning_content", call: "tool_calls" }).stream({
    head: { id: "x".repeat(20) } as never,
    choices: 1,
    logprobs: true,
  });
  const texts = ["a", "b", ""];
  const chunks = [...texts.flatMap((text, index) => choices.piece(token(text, index))), ...choices.closing(end)];
  const told = chunks.flatMap((chunk) => {
    const shown = chunk["logprobs"] as { content: { token: string }[] } | null;
    return shown?.content.map((entry) => entry.token) ?? [];
  });
  expect(told).toEqual(texts);
});
