import { createReader, genericFormat } from "@waggle/chat-format/format";
import { describe, expect, test } from "vitest";
import { createSequence, type SampledToken, type Sequence, type SequenceOptions } from "./sequence.ts";

const encoder = new TextEncoder();
const piece = (text: string, token = 1): SampledToken => ({
  token,
  bytes: encoder.encode(text),
  endOfGeneration: false,
});
const bytes = (...values: number[]): SampledToken => ({
  token: 2,
  bytes: Uint8Array.from(values),
  endOfGeneration: false,
});
const eog: SampledToken = { token: 0, bytes: new Uint8Array(), endOfGeneration: true };

function sequence(given: Partial<SequenceOptions> = {}): Sequence {
  return createSequence({
    jobId: "a",
    stop: [],
    ignoreEos: false,
    promptTokens: 5,
    maxTokens: undefined,
    contextSize: 100,
    startedAtMs: 1000,
    ...given,
  });
}

describe("token events", () => {
  test("have text, an index without gaps, and the time since the start in whole microseconds", () => {
    const job = sequence();
    expect(job.accept(piece("one"), 1000.12345)).toEqual({
      events: [{ type: "token", jobId: "a", index: 0, text: "one", tMs: 0.123, n: 1, ids: [1] }],
      finish: undefined,
    });
    expect(job.accept(piece(" two"), 1002).events[0]).toMatchObject({ index: 1, text: " two", tMs: 2 });
  });

  test("contain each sampled token once, in order, except for the token that ends the generation", () => {
    const job = sequence({ stop: ["END"] });
    expect(job.accept(bytes(0xf0, 0x9f), 1001).events[0]).toBeUndefined();
    expect(job.accept(bytes(0x90), 1002).events[0]).toBeUndefined();
    expect(job.accept(bytes(0x9d), 1003).events[0]).toMatchObject({
      index: 0,
      text: "🐝",
      ids: [2, 2, 2],
      n: 3,
      tMs: 3,
    });
    expect(job.accept(piece("so EN", 7), 1004).events[0]).toMatchObject({ text: "so ", ids: [7] });
    expect(job.accept(piece("E", 8), 1005).events[0]).toMatchObject({ text: "EN", ids: [8] });
    expect(job.accept(eog, 1006).events[0], "the rest of an earlier token's text").toMatchObject({
      text: "E",
      ids: [],
      n: 0,
    });
    const ignoring = sequence({ ignoreEos: true });
    expect(ignoring.accept(eog, 1001)).toEqual({ events: [], finish: undefined });
    expect(ignoring.accept(piece("a", 3), 1002).events[0]).toMatchObject({ ids: [0, 3] });
  });
});

describe("a sequence finishes", () => {
  test("at the model's end token, with the held-back text", () => {
    const job = sequence({ stop: ["END"] });
    job.accept(piece("so EN"), 1001);
    expect(job.accept(eog, 1002)).toMatchObject({ events: [{ text: "EN", n: 0 }], finish: "end" });
    expect(job.completionTokens).toBe(2);
  });

  test("at a stop string, with the text before it", () => {
    const job = sequence({ stop: ["END"] });
    expect(job.accept(piece("one E"), 1001)).toMatchObject({ events: [{ text: "one " }], finish: undefined });
    expect(job.accept(piece("ND two"), 1002)).toEqual({ events: [], finish: "stop_string" });
    expect(job.flush(1003), "the last token, which has no text to send").toMatchObject([{ text: "", ids: [1] }]);
  });

  test("at max_tokens, without an unfinished character", () => {
    const job = sequence({ maxTokens: 2 });
    expect(job.accept(piece("a"), 1001).finish).toBeUndefined();
    expect(job.accept(bytes(0x62, 0xe2), 1002)).toMatchObject({
      events: [{ text: "b", n: 1 }],
      finish: "max_tokens",
    });
  });

  test("with `end` or `stop_string` when max_tokens is reached by the model's end token or a complete stop string", () => {
    expect(sequence({ maxTokens: 1 }).accept(eog, 1001).finish).toBe("end");
    expect(sequence({ maxTokens: 1, stop: ["b"] }).accept(piece("ab"), 1001)).toMatchObject({
      events: [{ text: "a" }],
      finish: "stop_string",
    });
  });

  test("when prompt and answer fill the context", () => {
    const job = sequence({ promptTokens: 97, maxTokens: 50 });
    expect(job.accept(piece("a"), 1001).finish).toBeUndefined();
    expect(job.accept(piece("b"), 1002).finish).toBeUndefined();
    expect(job.accept(piece("c"), 1003).finish).toBe("context");
  });
});

describe("the flush of a cancelled sequence", () => {
  test("releases the held-back text", () => {
    const job = sequence({ stop: ["END"] });
    job.accept(piece("E"), 1001);
    job.accept(piece("N"), 1002);
    expect(job.flush(1004)).toMatchObject([{ index: 0, text: "EN", n: 2, tMs: 4 }]);
    expect(job.flush(1005)).toEqual([]);
  });
});

describe("totals", () => {
  test("divide the time at the first token into prefill and decode", () => {
    const job = sequence();
    job.begin(2, 1000);
    job.accept(piece("a"), 1003);
    job.accept(piece("b"), 1007);
    expect(job.totals(1009)).toEqual({
      promptTokens: 5,
      cachedTokens: 2,
      completionTokens: 2,
      prefillMs: 3,
      decodeMs: 4,
    });
  });

  test("count all time as prefill for a job that ends before its first token", () => {
    expect(sequence().totals(1006)).toMatchObject({ completionTokens: 0, prefillMs: 6, decodeMs: 0 });
  });
});

describe("an answer that repeats a block of tokens", () => {
  test("ends with a repetition limit and without `ignore_eos`", () => {
    const repeat = (given: Partial<SequenceOptions>): string | undefined => {
      const job = sequence({ contextSize: 1_000, repetitionLimit: 4, ...given });
      let finish: string | undefined;
      for (let i = 0; i < 200 && finish === undefined; i++) finish = job.accept(piece("a", i % 20), 1001).finish;
      return finish;
    };
    expect(repeat({})).toBe("repetition");
    expect(repeat({ repetitionLimit: undefined })).toBeUndefined();
    expect(repeat({ ignoreEos: true })).toBeUndefined();
  });
});

describe("a thought with a budget", () => {
  const close = [60, 61];
  const reader = (): SequenceOptions["reader"] => createReader({ format: genericFormat, tools: [] });
  const push = (job: Sequence, texts: readonly string[]): (number | undefined)[] =>
    texts.map((text) => {
      job.accept(piece(text), 1001);
      return job.forced;
    });

  test("is closed with the forced tokens, and content follows", () => {
    const job = sequence({ reader: reader(), thinking: { budget: 2, close } });
    expect(push(job, ["<think>", "a", "b"])).toEqual([undefined, 60, 60]);
    job.accept(piece("</think>", 60), 1002);
    expect(job.forced).toBe(61);
    job.accept(piece("\n", 61), 1002);
    expect(job.forced).toBeUndefined();
    expect(job.accept(piece("c"), 1003).events).toMatchObject([{ text: "c" }]);
    expect(push(job, ["d", "e", "f"])).toEqual([undefined, undefined, undefined]);
  });

  test("of 0 tokens is closed at once, also if the prompt begins the thought", () => {
    const thinking = { budget: 0, close };
    expect(push(sequence({ reader: reader(), thinking }), ["<think>"])).toEqual([60]);
    const begun = createReader({ format: genericFormat, tools: [], start: { said: "<think>\n" } });
    expect(sequence({ reader: begun, thinking }).forced).toBe(60);
  });

  test("is not closed below the budget, or without a budget", () => {
    expect(
      push(sequence({ reader: reader(), thinking: { budget: 9, close } }), ["<think>", "a", "</think>", "b"]),
    ).toEqual([undefined, undefined, undefined, undefined]);
    expect(push(sequence({ reader: reader() }), ["<think>", "a", "b"])).toEqual([undefined, undefined, undefined]);
  });

  test("gets no further forced tokens after a token that differs from the forced one", () => {
    const job = sequence({ reader: reader(), thinking: { budget: 1, close } });
    push(job, ["<think>a"]);
    job.accept(piece("</think>", 60), 1000);
    job.accept(piece("b", 9), 1000);
    expect(job.forced).toBeUndefined();
  });
});

test("a token whose text has several parts has an event for each part, and its id in the first", () => {
  const job = sequence({ reader: createReader({ format: genericFormat, tools: [{ name: "f" }] }) });
  const { events } = job.accept(piece('<think>a</think>b<tool_call>{"name": "f", "arguments": {}}</tool_call>'), 1001);
  expect(events).toMatchObject([
    { text: "a", part: { kind: "reasoning" }, ids: [1], n: 1 },
    { text: "b", ids: [], n: 0 },
    { text: "", part: { kind: "call", index: 0, name: "f" } },
    { text: "{}", part: { kind: "arguments", index: 0 } },
  ]);
  expect(events.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
});

describe("with limits by lines", () => {
  test("a line that is indented too little ends the answer, and held-back text is dropped", () => {
    const job = sequence({ lines: { minIndent: 2 }, stop: ["dx"] });
    job.accept(piece("a\n  b\n"), 1001);
    expect(job.accept(piece(" c d"), 1002)).toMatchObject({ events: [{ text: " " }], finish: "indent" });
    expect(job.flush(1003)).toEqual([]);
  });

  test("no text is sent after a line that is indented too little, even if more spaces follow", () => {
    const job = sequence({ lines: { minIndent: 2 }, stop: ["  dx"] });
    job.accept(piece("a\n"), 1001);
    expect(job.accept(piece(" c  d"), 1002)).toMatchObject({ events: [{ text: " " }], finish: "indent" });
    expect(job.flush(1003)).toEqual([]);
  });

  test("the whole text of the token that ends the answer by time is sent", () => {
    const job = sequence({ lines: { maxDecodeMs: 10 }, stop: ["dx"] });
    job.accept(piece("a"), 1001);
    expect(job.accept(piece("c\nd"), 1012)).toMatchObject({ events: [{ text: "c\n" }], finish: "time" });
    expect(job.flush(1013)).toMatchObject([{ text: "d" }]);
  });

  test("the first newline after the time limit ends the answer", () => {
    const job = sequence({ lines: { maxDecodeMs: 10 } });
    expect(job.accept(piece("a\n"), 2000).finish, "measured from the first token").toBeUndefined();
    expect(job.accept(piece("b"), 2011).finish).toBeUndefined();
    expect(job.accept(piece("c\n"), 2012)).toMatchObject({ events: [{ text: "c\n" }], finish: "time" });
  });

  test("text that the model's end token releases is limited, too", () => {
    const job = sequence({ lines: { minIndent: 2 }, stop: ["bx"] });
    job.accept(piece("a\n"), 1001);
    expect(job.accept(piece("b"), 1002).events).toEqual([]);
    expect(job.accept(eog, 1003)).toMatchObject({ events: [], finish: "indent" });
  });
});
