// Tests decisions with real processes and the embedded model in single precision, in which an answer does not depend on the batch.
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { poll, repositoryPath, startWorker, createProcessGroups, type Worker } from "@waggle/testing/harness";
import { writeSinglePrecision } from "@waggle/testing/models";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const groups = createProcessGroups("decisions");
let flags: readonly string[];
let worker: Worker;
beforeAll(async () => {
  const model = join(mkdtempSync(join(tmpdir(), "waggle-decisions-")), "stories.gguf");
  writeSinglePrecision(repositoryPath("models/waggle-tiny-stories.gguf"), model);
  const precise = ["--cache-type-k", "f32", "--cache-type-v", "f32", "--flash-attention", "off"];
  flags = ["--model", model, "--context-size", "2048", "--prefill-budget", "32", "--retry-grace", "0s", ...precise];
  worker = await startWorker(groups, { flags: ["--slots", "4", ...flags] });
});
afterAll(() => groups.killAll());

const tale = "Once upon a time there was a little dog named Tim who liked to play in the park. ";
const animals = { dog: "It barks.", cat: null, "a big bear": null };
const grades = ["sad", "calm", "happy"];
const wet = "Is the dog wet?";

interface SystemOne {
  readonly answers: Readonly<Record<string, { noul?: number; probabilities?: Record<string, number> }>>;
  readonly x_receipt: Readonly<Record<string, unknown>>;
}

interface Usage {
  readonly input_tokens_details: { readonly cached_tokens: number };
}

async function ask<T>({ url }: Pick<Worker, "url">, path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const response = await fetch(`${url}${path}`, { method: "POST", body: JSON.stringify(body), signal: signal ?? null });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return JSON.parse(text) as T;
}

const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");

/** The probabilities in an answer in System One's format, in order. */
function numbersIn({ answers }: SystemOne): readonly number[] {
  return Object.values(answers).flatMap(({ noul = 0, probabilities = {} }) => [noul, ...Object.values(probabilities)]);
}

function expectSame(answer: SystemOne, other: SystemOne): void {
  const [numbers, others] = [numbersIn(answer), numbersIn(other)];
  expect(numbers).toHaveLength(others.length);
  expect(Math.max(...numbers.map((number, i) => Math.abs(number - (others[i] ?? NaN))))).toBeLessThan(1e-6);
}

/** A request whose state begins with the name, so that no other test has left it in a cache. */
const requestOf = (name: string, sentences: number, questions: number) => ({
  state: `${name}. ${tale.repeat(sentences)}`,
  questions: Object.fromEntries(
    Array.from({ length: questions }, (_, i) => [
      `q${i}`,
      { type: "choice", instructions: `${i}?`, criteria: animals },
    ]),
  ),
});

const steps = async (of: Worker): Promise<number> => (await of.metrics()).sum("waggle_steps_total");
const idle = async (of: Worker): Promise<boolean> => (await of.client.slots()).every(({ state }) => state === "idle");

describe("each format has probabilities whose sum is 1:", () => {
  const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);
  type Rows = readonly { readonly probability: number }[];

  it("OpenAI's", async () => {
    const choices = Object.keys(animals).map((value) => ({ value }));
    const questions = [
      { type: "predicate", instructions: wet },
      { type: "choice", instructions: "Who?", choices },
      { type: "score", instructions: "How?", levels: grades.map((label) => ({ label })) },
    ];
    type Answers = readonly { readonly probability: number; readonly probabilities: Rows }[];
    const { answers } = await ask<{ answers: Answers }>(worker, "/v1/decisions", { input: tale, questions });
    const rows = answers.slice(1).map(({ probabilities }) => probabilities.map(({ probability }) => probability));
    expect(rows.map(({ length }) => length)).toEqual([3, 3]);
    for (const row of rows) expect(sum(row)).toBeCloseTo(1, 9);
    expect(answers[0]?.probability).toBeGreaterThan(0);
    expect(answers[0]?.probability).toBeLessThan(1);
  });

  it.each([
    ["SGLang's", { id: "wet", type: "yes_no", question: wet }, ["yes", "no"]],
    ["SGLang's scores", { id: "how", type: "score", question: "How?", levels: grades }, ["0", "1", "2"]],
  ])("%s", async (_, question, keys) => {
    const { answers } = await ask<SystemOne>(worker, "/v1/decisions", { input: tale, questions: [question] });
    const { probabilities = {} } = answers[question.id] ?? {};
    expect([Object.keys(probabilities), sum(Object.values(probabilities))]).toEqual([keys, expect.closeTo(1, 9)]);
  });

  it("System One's", async () => {
    const questions = { who: { type: "choice", criteria: animals }, how: { type: "score", criteria: grades } };
    const { answers } = await ask<SystemOne>(worker, "/v1/systemone", { state: { tale }, questions });
    const sums = Object.values(answers).map(({ probabilities = {} }) => sum(Object.values(probabilities)));
    expect(sums).toEqual([expect.closeTo(1, 9), expect.closeTo(1, 9)]);
  });
});

it("a receipt is enough to repeat an answer", async () => {
  const state = { tale, number: 7 };
  const questions = {
    wet: { type: "noul", instructions: wet },
    who: { type: "choice", criteria: animals },
    how: { type: "score", criteria: grades },
  };
  const first = await ask<SystemOne>(worker, "/v1/systemone", {
    ...{ state, questions, receipt: true, temperature: 3, orders: 2, scoring: "labels" },
  });
  const { chat_template: template } = (await (await fetch(`${worker.url}/props`)).json()) as { chat_template: string };
  const { scoring, orders, temperatures, ...receipt } = first.x_receipt;
  expect(receipt).toEqual({
    prompt_format_version: 1,
    state_sha256: sha256(JSON.stringify(state)),
    labels: [
      ["yes", "no"],
      ["A", "B", "C"],
      ["0", "1", "2"],
    ],
    template_sha256: sha256(template),
    model_sha256: sha256(readFileSync(String(flags[1]))),
    model_file: "stories.gguf",
    pictures_sha256: [],
  });
  const [temperature] = temperatures as readonly number[];
  const again = await ask<SystemOne>(worker, "/v1/systemone", { state, questions, scoring, orders, temperature });
  expectSame(again, first);
  const other = await ask<SystemOne>(worker, "/v1/systemone", { state, questions });
  expect(numbersIn(other), "without the settings of the receipt").not.toEqual(numbersIn(first));
});

it("streams next to a decide job have their texts", async () => {
  const read = async (seed: number): Promise<string> => {
    let text = "";
    for await (const event of worker.client.inference({ prompt: tale, seed, max_tokens: 150, ignore_eos: true }))
      if (event.type === "token") text += event.text;
    return text;
  };
  const seeds = [1, 2, 3];
  const alone: string[] = [];
  for (const seed of seeds) alone.push(await read(seed));
  const request = requestOf("streams", 30, 20);
  const before = await ask<SystemOne>(worker, "/v1/systemone", request);
  const streams = seeds.map(read);
  await poll(
    "the streams to run",
    async () => (await worker.client.slots()).filter(({ tokens }) => tokens > 0).length === 3,
  );
  expectSame(await ask<SystemOne>(worker, "/v1/systemone", request), before);
  expect(await Promise.all(streams)).toEqual(alone);
  await poll("all slots to be idle", () => idle(worker));
});

it("a request after a disconnect reuses the prefix that was computed", async () => {
  const bodyOf = (name: string, sentences: number): unknown => {
    return { input: requestOf(name, sentences, 0).state, questions: [{ type: "predicate", instructions: wet }] };
  };
  const cachedOf = async (body: unknown): Promise<number> => {
    const { usage } = await ask<{ usage: Usage }>(worker, "/v1/decisions", body);
    return usage.input_tokens_details.cached_tokens;
  };
  // All prompts begin with the same sentences.
  const common = await cachedOf(bodyOf("another", 1));
  const body = bodyOf("disconnect", 60);
  const before = await steps(worker);
  const leave = new AbortController();
  const left = ask(worker, "/v1/decisions", body, leave.signal).catch(() => "left");
  await poll("a part of the prefix", async () => (await steps(worker)) > before + 5);
  leave.abort();
  expect(await left).toBe("left");
  await poll("all slots to be idle", () => idle(worker));
  expect(await cachedOf(body)).toBeGreaterThan(common + 32);
});

it("a decide job whose engine is killed between branches continues on the next engine", async () => {
  await using dying = await startWorker(groups, { flags: ["--slots", "1", ...flags] });
  const request = requestOf("kill", 10, 60);
  const whole = await ask<SystemOne>(dying, "/v1/systemone", request);
  const needed = await steps(dying);
  let ended = false;
  const answer = ask<SystemOne>(dying, "/v1/systemone", request).finally(() => (ended = true));
  const killedAt = await poll("some branches", async () => {
    const now = await steps(dying);
    return now > needed * 1.25 && now;
  });
  const from = dying.log.lines.length;
  process.kill(dying.enginePid(), "SIGKILL");
  await dying.log.line("the engine's death", (line) => line["event"] === "engine_died", { from });
  expect(ended).toBe(false);
  expectSame(await answer, whole);
  expect((await steps(dying)) - killedAt, "passes of the next engine").toBeLessThan(needed * 0.9);
  await poll("the slot to be idle", () => idle(dying));
});
