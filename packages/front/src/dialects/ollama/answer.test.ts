import { WaggleError } from "@waggle/protocol";
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

test.each(["silent", "unframed"] as const)("a sign of life (%s) is an empty piece of the answer", (why) => {
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

test("a token that says nothing has no line, but for its logprobs", () => {
  const framing = ollamaFraming(chatForm("m"));
  expect(framing.frame(token({}))).toBe("");
  expect(framing.frame(token({ part: "reasoning" }))).toBe("");
  const logprobs = [{ id: 5, bytes: [0xe6], logprob: -1, top: [] }];
  expect(parsed(framing.frame(token({ logprobs })))).toMatchObject({ message: { content: "" }, logprobs: [{}] });
});

test("calls are held back until all of them are there; logprobs are not", () => {
  const framing = ollamaFraming(chatForm("m"));
  const logprobs = [{ id: 5, bytes: [123], logprob: -1, top: [] }];
  for (const index of [0, 1]) {
    expect(framing.frame(token({ part: "call", call: { index, id: `c${index}`, name: "f" } }))).toBe("");
    const told = framing.frame(token({ part: "arguments", call: { index }, text: `{"n":${index}}`, logprobs }));
    expect(parsed(told)).toMatchObject({
      message: { content: "" },
      logprobs: [{ token: "{", logprob: -1, bytes: [123] }],
    });
  }
  const [calls = "", last = ""] = framing.frameEnd(end).split("\n");
  expect(parsed(calls)["message"]).toEqual({
    role: "assistant",
    content: "",
    tool_calls: [0, 1].map((index) => ({ id: `c${index}`, function: { index, name: "f", arguments: { n: index } } })),
  });
  expect(parsed(last)).toMatchObject({ done: true, done_reason: "stop" });
});

test.each(['{"n":', "[1]", "7", ""])(
  "a call with the arguments %j is left out, and the answer counts as cut",
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

test("an answer too long to be put together has no context", () => {
  const framing = ollamaFraming(generateForm("m", [{ role: "user", content: "a" }]));
  expect(parsed(framing.frameEnd(end))).not.toHaveProperty("context");
  const message = { role: "assistant" as const, content: "b" };
  expect(parsed(framing.frameEnd({ ...end, message }))).toHaveProperty("context");
});

test("an error is a line with nothing else on it", () => {
  const error = new WaggleError("engine_failed", "The engine died.");
  expect(ollamaFraming(chatForm("m")).frameError(error)).toBe('{"error":"The engine died."}\n');
});
