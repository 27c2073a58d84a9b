import { expect, test } from "vitest";
import { expectedText, isType, job, startEngine, submit, statsOf, type GivenJob } from "../testing/engine-harness.ts";
import type { JobEvent } from "../port/messages.ts";

const logprobs = { topLogprobs: 1, promptLogprobs: true } as const;

function entriesOf(events: readonly JobEvent[]) {
  const sent = events.flatMap((event) => (event.type === "prompt_logprobs" ? [event] : []));
  expect(sent.map(({ from }) => from)).toEqual(
    sent.map((_, i) => sent.slice(0, i).reduce((sum, { entries }) => sum + entries.length, 0)),
  );
  return sent.flatMap(({ entries }) => entries);
}

const textOf = (entries: readonly { readonly bytes: readonly number[] }[]): string =>
  Buffer.from(entries.flatMap(({ bytes }) => bytes)).toString();

test("logprobs of all prompt tokens are sent before the answer's first token; the first prompt token has no logprob", async () => {
  const { engine, of, untilJob, events } = startEngine();
  const prompt = "Hello, a bee finds the hive".repeat(3);
  submit(engine, job("a", prompt, { maxTokens: 2, ...logprobs }));
  const { promptTokens } = await untilJob("a", "finished");
  const sent = of("a");
  const entries = entriesOf(sent);
  expect(entries).toHaveLength(promptTokens);
  // The BOS token has no text, and as the first token no logprob.
  expect(textOf(entries)).toBe(prompt);
  expect(entries.map(({ logprob }) => logprob === null)).toEqual(entries.map((_, i) => i === 0));
  const types = sent.map(({ type }) => type);
  expect(types.lastIndexOf("prompt_logprobs")).toBeLessThan(types.indexOf("token"));
  const scored = statsOf(events).map((stats) => stats.scored);
  expect(scored.reduce((sum, count) => sum + count, 0)).toBe(promptTokens - 1);
});

test("the tokens of a greedy answer have the same logprobs as part of a prompt", async () => {
  const { engine, of, untilJob } = startEngine();
  const answer = expectedText("Hello", 6);
  submit(engine, job("a", `Hello${answer}`, { maxTokens: 0, ...logprobs }));
  expect(await untilJob("a", "finished")).toMatchObject({ by: "max_tokens", completionTokens: 0 });
  const entries = entriesOf(of("a"));
  expect(textOf(entries.slice(-6))).toBe(answer);
  expect(entries.slice(-6).map(({ logprob }) => logprob)).toEqual(Array(6).fill(-0.01));
  for (const { logprob } of entries.slice(1, 6)) expect(logprob).toBeLessThan(-13);
});

test("a prompt with logprobs is not read from a cache, and its cache serves the next job", async () => {
  const { engine, untilJob } = startEngine();
  const prompt = "The same long prompt, each time";
  const run = async (id: string, more: GivenJob): Promise<number> => {
    submit(engine, job(id, prompt, { maxTokens: 1, ...more }));
    return (await untilJob(id, "finished")).cachedTokens;
  };
  expect(await run("a", {})).toBe(0);
  expect(await run("b", logprobs)).toBe(0);
  expect(await run("c", {})).toBeGreaterThan(16);
});

test("too many logprobs of a prompt are refused at the preflight, with the field's name", async () => {
  const { engine, until } = startEngine({ contextSize: 60_000 });
  const long = job("a", "x".repeat(50_000), { maxTokens: 1, ...logprobs });
  engine.handle({ type: "prepare", job: long });
  const { failure } = await until(isType("prepare_failed"));
  expect(failure).toMatchObject({ code: "invalid_argument", message: expect.stringContaining('"logprobs"') as string });
});
