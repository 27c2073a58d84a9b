// Tests that a sequence, after the replay of earlier output, is in the state of the sequence that produced the output.
import { createReader, genericFormat } from "@waggle/chat-format/format";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JobEvent } from "../port/messages.ts";
import { freePieces } from "../port/pieces.ts";
import { createSequence, type Accepted, type SampledToken, type Sequence, type SequenceOptions } from "./sequence.ts";

type TokenEvent = Extract<JobEvent, { type: "token" }>;

const encoder = new TextEncoder();
const endOfGeneration: SampledToken = { token: 0, bytes: new Uint8Array(), endOfGeneration: true };

function sequence(given: Partial<SequenceOptions>): Sequence {
  return createSequence({
    jobId: "a",
    stop: [],
    ignoreEos: false,
    promptTokens: 5,
    maxTokens: 60,
    contextSize: 100,
    startedAtMs: 0,
    ...given,
  });
}

/** Each byte is a token, so that characters, markers and stop strings span several tokens. */
const tokensOf = (text: string): SampledToken[] =>
  [...encoder.encode(text)].map((byte) => ({ token: byte, bytes: Uint8Array.of(byte), endOfGeneration: false }));

/** Feeds the tokens, or the forced tokens in their place. Returns all events and the reason of the end. */
function run(job: Sequence, tokens: readonly SampledToken[], begun?: Accepted) {
  const events: TokenEvent[] = [...(begun?.events ?? [])];
  let finish = begun?.finish;
  for (const [at, token] of tokens.entries()) {
    if (finish !== undefined) break;
    const { forced } = job;
    const taken =
      forced === undefined ? token : { token: forced, bytes: Uint8Array.of(forced), endOfGeneration: false };
    const accepted = job.accept(taken, at);
    events.push(...accepted.events);
    finish = accepted.finish;
  }
  // The engine flushes only sequences that have ended.
  const rest = finish === undefined ? [] : job.flush(99);
  return { events: [...events, ...rest], finish, tokens: job.completionTokens, stop: job.stopString };
}

const { pace: free } = freePieces;
const untimed = ({ index, text, part, ids, n }: TokenEvent) => ({ index, text, part, ids, n });
const words = fc.constantFrom("a", "ab", "é", "🐝", "</", "END", "<think>", "</think>", "\n", "  x", "<tool_call>");
const jobs = fc.record({
  text: fc.array(words, { maxLength: 16 }).map((parts) => parts.join("")),
  stop: fc.subarray(["END", "ab</", "🐝"]),
  maxTokens: fc.integer({ min: 1, max: 60 }),
  reads: fc.boolean(),
  budget: fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined }),
  repetitionLimit: fc.option(fc.constant(2), { nil: undefined }),
  minIndent: fc.option(fc.constant(2), { nil: undefined }),
  ends: fc.boolean(),
});

describe("a sequence", () => {
  test("continues after a replay of any length as without the interruption", async () => {
    await fc.assert(
      fc.asyncProperty(
        jobs,
        fc.nat(),
        async ({ text, stop, maxTokens, reads, budget, repetitionLimit, minIndent, ends }, at) => {
          const make = (): Sequence =>
            sequence({
              stop,
              maxTokens,
              repetitionLimit,
              ...(reads
                ? {
                    reader: createReader({ format: genericFormat, tools: [], start: { said: "" } }),
                    ...(budget === undefined ? {} : { thinking: { budget, close: [...encoder.encode("</think>")] } }),
                  }
                : { lines: minIndent === undefined ? undefined : { minIndent } }),
            });
          const sampled = [...tokensOf(text), ...(ends ? [endOfGeneration] : [])];
          const whole = run(make(), sampled);
          const cut = at % (whole.events.length + 1);
          const sent = whole.events.slice(0, cut);
          const ids = sent.flatMap((event) => event.ids);
          const resumed = make();
          const begun = await resumed.replay(
            ids.map((token) => ({ token, bytes: Uint8Array.of(token), endOfGeneration: false })),
            cut,
            free,
          );
          const rest = run(resumed, sampled.slice(ids.length), begun);
          expect([...sent, ...rest.events].map(untimed)).toEqual(whole.events.map(untimed));
          expect(rest).toMatchObject({ finish: whole.finish, tokens: whole.tokens, stop: whole.stop });
        },
      ),
    );
  });

  test("has ended after a replay whose last event came from the model's end token, and sends no token twice", async () => {
    const job = sequence({ stop: ["abcd"] });
    const before = run(job, [...tokensOf("xab"), endOfGeneration]);
    expect(before.events.map(({ text }) => text)).toEqual(["x", "ab"]);
    const resumed = sequence({ stop: ["abcd"] });
    expect(await resumed.replay(tokensOf("xab"), 2, free)).toEqual({ events: [], finish: "end" });
    expect(resumed.flush(0)).toEqual([]);
    expect(resumed.completionTokens).toBe(4);
  });

  test("ends by the same line limit after a replay whose last event came from the model's end token", async () => {
    const given = { stop: ["ab"], lines: { minIndent: 2 } };
    const before = run(sequence(given), [...tokensOf("\na"), endOfGeneration]);
    expect(before).toMatchObject({ events: [{ text: "\n" }, { text: "" }], finish: "indent" });
    expect(await sequence(given).replay(tokensOf("\na"), 2, free)).toEqual({ events: [], finish: "indent" });
  });
});
