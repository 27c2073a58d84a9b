// Tests decisions with real processes and the embedded model in single precision, in which an answer does not depend on the batch.
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deferred } from "@waggle/async";
import { poll, repositoryPath, startWorker, createProcessGroups, type Worker } from "@waggle/testing/harness";
import { writeSinglePrecision } from "@waggle/testing/models";
import { afterAll, beforeAll, expect, it } from "vitest";

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
const animals = [{ value: "dog", description: "It barks." }, { value: "cat" }, { value: "a big bear" }];
const grades = ["sad", "calm", "happy"].map((label) => ({ label }));
const wet = "Is the dog wet?";

interface Decisions {
  readonly answers: readonly { readonly probability?: number; readonly probabilities?: Rows }[];
  readonly x_receipt: Readonly<Record<string, unknown>>;
}
type Rows = readonly { readonly probability: number }[];

interface Usage {
  readonly input_tokens_details: { readonly cached_tokens: number };
}

async function ask<T>({ url }: Pick<Worker, "url">, body: unknown, signal?: AbortSignal): Promise<T> {
  const response = await fetch(`${url}/v1/decisions`, {
    method: "POST",
    body: JSON.stringify(body),
    signal: signal ?? null,
  });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return JSON.parse(text) as T;
}

const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");

/** The probabilities in an answer, in order. */
function numbersIn({ answers }: Decisions): readonly number[] {
  return answers.flatMap(({ probability = 0, probabilities = [] }) => [
    probability,
    ...probabilities.map((row) => row.probability),
  ]);
}

function expectSame(answer: Decisions, other: Decisions): void {
  const [numbers, others] = [numbersIn(answer), numbersIn(other)];
  expect(numbers).toHaveLength(others.length);
  expect(Math.max(...numbers.map((number, i) => Math.abs(number - (others[i] ?? NaN))))).toBeLessThan(1e-6);
}

/** A request whose state begins with the name, so that no other test has left it in a cache. */
const requestOf = (name: string, sentences: number, questions: number) => ({
  input: `${name}. ${tale.repeat(sentences)}`,
  questions: Array.from({ length: questions }, (_, i) => ({
    type: "choice",
    instructions: `${i}?`,
    choices: animals,
  })),
});

const steps = async (of: Worker): Promise<number> => (await of.metrics()).sum("waggle_steps_total");
const idle = async (of: Worker): Promise<boolean> => (await of.client.slots()).every(({ state }) => state === "idle");

it("each question has probabilities whose sum is 1", async () => {
  const questions = [
    { type: "predicate", instructions: wet },
    { type: "choice", instructions: "Who?", choices: animals },
    { type: "score", instructions: "How?", levels: grades },
  ];
  const { answers } = await ask<Decisions>(worker, { input: tale, questions });
  const rows = answers.slice(1).map(({ probabilities = [] }) => probabilities.map(({ probability }) => probability));
  expect(rows.map(({ length }) => length)).toEqual([3, 3]);
  for (const row of rows) expect(row.reduce((total, value) => total + value, 0)).toBeCloseTo(1, 9);
  expect(answers[0]?.probability).toBeGreaterThan(0);
  expect(answers[0]?.probability).toBeLessThan(1);
});

it("a receipt is enough to repeat an answer", async () => {
  const input = `${tale} 7`;
  const questions = [
    { type: "predicate", instructions: wet },
    { type: "choice", instructions: "Who?", choices: animals },
    { type: "score", instructions: "How?", levels: grades },
  ];
  const first = await ask<Decisions>(worker, {
    ...{ input, questions, receipt: true, temperature: 3, orders: 2, scoring: "labels" },
  });
  const { chat_template: template } = (await (await fetch(`${worker.url}/props`)).json()) as { chat_template: string };
  const { scoring, orders, temperatures, ...receipt } = first.x_receipt;
  expect(receipt).toEqual({
    prompt_format_version: 1,
    state_sha256: sha256(input),
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
  const again = await ask<Decisions>(worker, { input, questions, scoring, orders, temperature });
  expectSame(again, first);
  const other = await ask<Decisions>(worker, { input, questions });
  expect(numbersIn(other), "without the settings of the receipt").not.toEqual(numbersIn(first));
});

it("streams next to a decide job have their texts", async () => {
  const read = async (seed: number, onToken?: () => void): Promise<string> => {
    let text = "";
    for await (const event of worker.client.inference({ prompt: tale, seed, max_tokens: 250, ignore_eos: true })) {
      if (event.type !== "token") continue;
      text += event.text;
      onToken?.();
    }
    return text;
  };
  const seeds = [1, 2, 3];
  const alone: string[] = [];
  for (const seed of seeds) alone.push(await read(seed));
  const request = requestOf("streams", 30, 20);
  const before = await ask<Decisions>(worker, request);
  const streams = seeds.map((seed) => {
    const started = deferred<void>();
    return { started: started.promise, text: read(seed, started.resolve) };
  });
  await Promise.all(streams.map(({ started }) => started));
  expectSame(await ask<Decisions>(worker, request), before);
  expect(await Promise.all(streams.map(({ text }) => text))).toEqual(alone);
  await poll("all slots to be idle", () => idle(worker));
});

it("a request after a disconnect reuses the prefix that was computed", async () => {
  const bodyOf = (name: string, sentences: number): unknown => {
    return { input: requestOf(name, sentences, 0).input, questions: [{ type: "predicate", instructions: wet }] };
  };
  const cachedOf = async (body: unknown): Promise<number> => {
    const { usage } = await ask<{ usage: Usage }>(worker, body);
    return usage.input_tokens_details.cached_tokens;
  };
  // All prompts begin with the same sentences.
  const common = await cachedOf(bodyOf("another", 1));
  const body = bodyOf("disconnect", 60);
  const before = await steps(worker);
  const leave = new AbortController();
  const left = ask(worker, body, leave.signal).catch(() => "left");
  await poll("a part of the prefix", async () => (await steps(worker)) > before + 5);
  leave.abort();
  expect(await left).toBe("left");
  await poll("all slots to be idle", () => idle(worker));
  expect(await cachedOf(body)).toBeGreaterThan(common + 32);
});

it("a decide job whose engine is killed between branches continues on the next engine", async () => {
  await using dying = await startWorker(groups, { flags: ["--slots", "1", ...flags] });
  const request = requestOf("kill", 10, 60);
  const whole = await ask<Decisions>(dying, request);
  const needed = await steps(dying);
  let ended = false;
  const answer = ask<Decisions>(dying, request).finally(() => (ended = true));
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
