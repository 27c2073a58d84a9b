import type { EndEvent, TokenEvent } from "@waggle/protocol";
import { expect, test } from "vitest";
import { chatForm, generateForm, ollamaFraming } from "./answer.ts";

const stream = { stream_id: "s" };

function token(more: Partial<TokenEvent>): TokenEvent {
  return { type: "token", ...stream, index: 0, text: "", t_ms: 0, ...more };
}

const end: EndEvent = {
  type: "end",
  ...stream,
  finish_reason: "stop",
  usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10, cached_tokens: 2 },
  timings: { queue_ms: 1, prefill_ms: 2.5, decode_ms: 3, total_ms: 6.5, tokens_per_second: 1 },
};

const parsed = (line: string): Record<string, unknown> => JSON.parse(line) as Record<string, unknown>;

test.each(["silent", "unframed"] as const)("the keep-alive text (%s) is an empty piece of the answer", (why) => {
  const line = ollamaFraming(chatForm("m")).keepAlive(why);
  expect(line).toMatch(/^\{[^\n]*\}\n$/);
  expect(parsed(line)).toEqual({
    model: "m",
    created_at: expect.stringMatching(/^\d{4}-.*Z$/) as string,
    message: { role: "assistant", content: "" },
    done: false,
  });
  expect(parsed(ollamaFraming(generateForm("m", undefined)).keepAlive(why))).toMatchObject({
    response: "",
    done: false,
  });
});

test("a token without text has a line only if it has logprobs", () => {
  const framing = ollamaFraming(chatForm("m"));
  expect(framing.frame(token({}))).toBe("");
  expect(framing.frame(token({ part: "reasoning" }))).toBe("");
  const logprobs = [{ id: 5, bytes: [0xe6], logprob: -1, top: [] }];
  expect(parsed(framing.frame(token({ logprobs })))).toMatchObject({ message: { content: "" }, logprobs: [{}] });
});

test.each(['{"n":', "[1]", "7", ""])(
  "a call with the arguments %j is left out, and the answer is reported as cut",
  (text) => {
    const framing = ollamaFraming(chatForm("m"));
    framing.frame(token({ part: "call", call: { index: 0, id: "c", name: "f" } }));
    framing.frame(token({ part: "arguments", call: { index: 0 }, text }));
    const lines = framing.frameEnd(end).trimEnd().split("\n").map(parsed);
    expect(lines).toMatchObject([{ done: true, done_reason: "length", message: { role: "assistant", content: "" } }]);
    expect(lines[0]?.["message"]).not.toHaveProperty("tool_calls");
  },
);

test("the last line counts all tokens of the prompt, and times in nanoseconds", () => {
  expect(parsed(ollamaFraming(chatForm("m")).frameEnd(end))).toMatchObject({
    ...{ total_duration: 6_500_000, load_duration: 1_000_000, prompt_eval_count: 7, prompt_eval_duration: 2_500_000 },
    ...{ eval_count: 3, eval_duration: 3_000_000 },
  });
});

test("an end event without the message, because the answer was too long, gives no context", () => {
  const framing = ollamaFraming(generateForm("m", [{ role: "user", content: "a" }]));
  expect(parsed(framing.frameEnd(end))).not.toHaveProperty("context");
  const message = { role: "assistant" as const, content: "b" };
  expect(parsed(framing.frameEnd({ ...end, message }))).toHaveProperty("context");
});
