import type { AnswerEvent } from "@waggle/client/ask";
import { WaggleError } from "@waggle/protocol";
import { describe, expect, it } from "vitest";
import { createStatusLine } from "@waggle/daemon/terminal";
import { answerEvents } from "../testing/fake-worker.ts";
import { captureOutput } from "../testing/capture.ts";
import { showAnswer, statsOf, type AnswerOutcome } from "./show-answer.ts";

async function* from(events: readonly AnswerEvent[]): AsyncGenerator<AnswerEvent> {
  yield* events;
}

async function show(
  events: readonly AnswerEvent[],
  forPerson = true,
): Promise<{ outcome: AnswerOutcome; text: string }> {
  const out = captureOutput({ isTerminal: forPerson, columns: 40, colors: forPerson });
  const { signal } = new AbortController();
  const outcome = await showAnswer(from(events), { out, status: createStatusLine(out), forPerson, signal });
  return { outcome, text: out.text() };
}

const token = (text: string, part?: "reasoning" | "call"): AnswerEvent => ({
  type: "token",
  stream_id: "j",
  index: 0,
  text,
  t_ms: 0,
  ...(part === undefined ? {} : { part }),
});

describe("an answer for a person", () => {
  it("is preceded by the status, which is erased at the first token", async () => {
    const stream = { stream_id: "j" };
    const { text } = await show([
      { type: "queued", ...stream, position: 2, eta_ms: 3_000 },
      { type: "queued", ...stream, position: 0 },
      { type: "status", ...stream, status: "loading" },
      {
        type: "status",
        ...stream,
        status: "thinking",
        prompt_progress: { total: 200, cached: 0, processed: 90, time_ms: 1 },
      },
      { type: "status", ...stream, status: "parked" },
      ...answerEvents(" Hello"),
    ]);
    const dim = (words: string): string => `\r\u001b[2K\u001b[2m${words}\u001b[22m`;
    expect(text).toBe(
      `${dim("waiting, position 2, about 3 s")}${dim("loading the model")}${dim("reading the prompt 45 %")}${dim("parked: waiting for room")}\r\u001b[2KHello\n`,
    );
  });

  it("shows reasoning dimmed, with an empty line after it", async () => {
    const { text, outcome } = await show([
      token("Let me", "reasoning"),
      token(" see.\n", "reasoning"),
      token("\n\nYes."),
    ]);
    expect(text).toBe("\u001b[2mLet me\u001b[22m\u001b[2m see.\n\u001b[22m\nYes.\n");
    expect(outcome).toMatchObject({ text: "\n\nYes.", reasoning: "Let me see.\n", end: undefined, stopped: false });
  });

  it("contains no tool calls and no escape sequences", async () => {
    const { text } = await show([token("", "call"), token("a\u001b[31mb\u0007\u009bc\td\r")]);
    expect(text).toBe("a[31mbc\td\n");
  });
});

it("the output for a program is the model's text alone, without the space that it begins with", async () => {
  const written = "a\u001b[31mb \r\n";
  const tokens = [token("Hm.", "reasoning"), token(" "), token(` ${written}`)];
  expect((await show(tokens, false)).text).toBe(written);
});

it("a stopped answer is an outcome, and so is an answer that fails after some text; other errors are thrown", async () => {
  const out = captureOutput();
  const stop = new AbortController();
  async function* endless(): AsyncGenerator<AnswerEvent> {
    yield token("Half");
    stop.abort();
    throw new Error("aborted");
  }
  const options = { out, status: createStatusLine(out), forPerson: false, signal: stop.signal };
  expect(await showAnswer(endless(), options)).toMatchObject({ text: "Half", stopped: true });
  async function* broken(): AsyncGenerator<AnswerEvent> {
    yield token("Half");
    throw new Error("gone");
  }
  const { signal } = new AbortController();
  await expect(showAnswer(broken(), { ...options, signal })).rejects.toThrow("gone");
  async function* failed(): AsyncGenerator<AnswerEvent> {
    yield token("Half");
    throw new WaggleError("engine_failed", "It died.");
  }
  const outcome = await showAnswer(failed(), { ...options, signal });
  expect(outcome).toMatchObject({ text: "Half", stopped: false, error: { code: "engine_failed" } });
});

it.each([
  [{}, "2 tokens, 200 tokens/s, first token after 10 ms"],
  [{ finish_reason: "length", stopped_by: "max_tokens" }, /, cut at max_tokens$/],
  [{ finish_reason: "length", stopped_by: "context" }, /, cut: the context is full$/],
  [{ finish_reason: "length", stopped_by: "repetition" }, /, cut: it repeated itself$/],
  [{ finish_reason: "cancelled" }, /, cancelled$/],
  [
    { usage: { prompt_tokens: 9, completion_tokens: 1, total_tokens: 10, cached_tokens: 4 } },
    /, 4 of 9 prompt tokens cached$/,
  ],
])("an end of %j is reported", (more, words) => {
  const end = { ...(answerEvents("a", "b").at(-1) as object), ...more } as AnswerOutcome["end"];
  expect(statsOf({ end })).toMatch(words);
  expect(statsOf({ end: undefined })).toBe("");
});
