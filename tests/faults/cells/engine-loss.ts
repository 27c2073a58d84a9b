// Tests streams that outlive their engine. The engine of a real model is killed every few seconds under nine kinds of answers, and each answer is
// compared token for token with the undisturbed one. Also tests a job that kills its engines: only this job may fail.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  endingOf,
  logged,
  poll,
  repositoryPath,
  waitFor,
  type Facts,
  type LiveStream,
  type Worker,
} from "@waggle/testing/harness";
import type { GenerateRequestInput } from "@waggle/protocol";
import { madeUpPng, needs } from "@waggle/testing";
import { writeProjector, writeSinglePrecision } from "@waggle/testing/models";
import { describe } from "vitest";
import { marginOf, tieMargin } from "../../support/margin.ts";
import { isLong, rowsOfKind } from "../../support/long.ts";
import { shared, type Stage } from "../support/stage.ts";
import { freshId, inference } from "../support/ways.ts";

const killIntervalMs = 3_000;
const kills = isLong ? 20 : 1;
/** Time limit per kill, for loading the next engine on a busy machine. */
const msPerKill = 40_000;
/**
 * Single precision everywhere. With half precision in weights, KV cache or flash attention, another batch shape changes a logit by thousandths,
 * also without a crash. In single precision it changes by millionths, so that sampled tokens stay the same.
 */
const voicesFlags = "--slots 9 --cache-type-k f32 --cache-type-v f32 --flash-attention off";
const streamLimitMs = 240_000;
/** Width of the embedded model. */
const storiesWidth = 128;

type Request = GenerateRequestInput & { readonly job_id?: never };

/** One kind of answer. */
interface Voice {
  readonly name: string;
  readonly request: Request;
  /** Whether the request gets a stop string that occurs near the end of the plain text. */
  readonly stops?: true;
}

interface Answer {
  readonly ids: readonly number[];
  /** How the connection ended, whether [DONE] arrived, and the broken rules of streams. */
  readonly end: readonly unknown[];
  readonly text: string;
  readonly ending: string;
  /** Engines that died during the answer. */
  readonly losses: number;
}

interface Outcome {
  readonly request: Request;
  /** The undisturbed answer. */
  readonly whole: Answer;
  /** The answers while engines died. */
  readonly answers: Answer[];
}

const opening = "Once upon a time there was a little girl";
const person = { type: "object", properties: { name: { type: "string" }, age: { type: "integer" } } };
const strict = { ...person, required: ["name", "age"], additionalProperties: false };
const pictures = [1, 2, 1].map((color) => ({
  type: "image_url" as const,
  image_url: { url: `data:image/png;base64,${Buffer.from(madeUpPng(color)).toString("base64")}` },
}));
const tools = [{ type: "function" as const, function: { name: "tell", parameters: strict } }];

const long = { max_tokens: 400, ignore_eos: true, repetition_limit: 0 };
const plain = { ...long, prompt: opening, temperature: 0 };
const schema = { type: "array", items: strict, minItems: 6, maxItems: 12 };

const voices: readonly Voice[] = [
  { name: "plain text", request: plain },
  { name: "sampling with a seed", request: { ...plain, temperature: 1, seed: 42 } },
  { name: "sampling with another seed", request: { ...plain, temperature: 0.8, top_p: 0.9, seed: 43 } },
  {
    name: "penalties and DRY",
    request: { ...plain, repeat_penalty: 1.2, presence_penalty: 0.3, dry_multiplier: 0.8 },
  },
  { name: "a stop string", request: plain, stops: true },
  {
    name: "a JSON schema",
    request: { prompt: opening, max_tokens: 400, temperature: 0, json_schema: schema },
  },
  {
    name: "a tool call",
    request: {
      messages: [{ role: "user", content: opening }],
      tools,
      tool_choice: "required",
      max_tokens: 120,
      temperature: 0,
    },
  },
  {
    name: "pictures",
    request: {
      ...long,
      messages: [{ role: "user", content: [...pictures, { type: "text", text: opening }] }],
      temperature: 0,
    },
  },
  {
    name: "a grammar",
    request: {
      prompt: opening,
      max_tokens: 400,
      temperature: 0,
      grammar: 'root ::= ([a-z🐝é]+ " "){60,90}',
    },
  },
];

export function engineLoss(stage: Stage): void {
  describe(
    `under kill -9 of the engine every ${killIntervalMs / 1_000} s, ${kills} times`,
    needs("Waggle's addon"),
    () => {
      const worker = shared(() => stage.startWorker(`${writeModel()} ${voicesFlags}`, { realModel: true }));
      const outcomes = shared(() => killUnderVoices(worker(), kills));
      stage.cell("each death and each resumed stream is counted", async (facts) => {
        const metrics = await worker().metrics();
        facts.equal("deaths counted", metrics.sum("waggle_engine_deaths_total"), kills);
        const answers = [...outcomes().values()].flatMap((outcome) => outcome.answers);
        const resumed = answers.reduce((sum, { losses }) => sum + losses, 0);
        facts.equal("resumed streams counted", metrics.sum("waggle_jobs_resumed_total"), resumed);
        facts.expect(resumed >= kills, `${resumed} streams were resumed in ${kills} deaths`);
        facts.number("resumed", resumed);
      });
      for (const voice of voices)
        stage.cell(voice.name, (facts) => judge(worker(), outcomes().get(voice) as Outcome, facts));
    },
  );
  for (const [poison, deaths] of rowsOfKind([
    ["[die:0]", 2],
    ["[die:8]", 3],
  ] as const))
    stage.cell(`next to a job that kills its engines (${poison})`, (facts) =>
      checkPoison(stage, { poison, deaths }, facts),
    );
}

/** Writes the embedded model and a projector for it. Returns the flags for both. */
function writeModel(): string {
  const folder = mkdtempSync(join(tmpdir(), "waggle-voices-"));
  const model = join(folder, "stories-f32.gguf");
  writeSinglePrecision(repositoryPath("models/waggle-tiny-stories.gguf"), model);
  const [projector, mmproj] = [join(folder, "projector.gguf"), join(folder, "mmproj-stories-f32.gguf")];
  writeProjector({ path: projector, shape: "llava", textWidth: storiesWidth });
  writeSinglePrecision(projector, mmproj);
  return `--model ${model} --mmproj ${mmproj}`;
}

/** Requests all kinds of answers in parallel, again and again, until the last engine has died. */
async function killUnderVoices(worker: Worker, kills: number): Promise<ReadonlyMap<Voice, Outcome>> {
  const { text } = await readAnswer(worker, plain);
  const undisturbed = voices.map(async (voice): Promise<[Voice, Outcome]> => {
    const request = { ...voice.request, ...(voice.stops ? { stop: [text.slice(-60, -40)] } : {}) };
    return [voice, { request, whole: await readAnswer(worker, request), answers: [] }];
  });
  const outcomes = new Map(await Promise.all(undisturbed));
  let dying = true;
  const lanes = [...outcomes.values()].map(async ({ request, answers }) => {
    // Each answer is requested again while engines die, so that every death affects nine streams.
    while (dying) answers.push(await readAnswer(worker, request));
  });
  const kill = async (): Promise<void> => {
    for (let killed = 0; killed < kills; killed += 1) {
      await delay(killIntervalMs);
      await poll("a stream with output", async () => (await worker.client.slots()).some(({ tokens }) => tokens > 0));
      const from = worker.log.lines.length;
      process.kill(worker.enginePid(), "SIGKILL");
      await worker.log.line("the next engine's readiness", logged("model_ready"), { from, limitMs: msPerKill });
    }
  };
  await Promise.all([kill().finally(() => (dying = false)), ...lanes]);
  return outcomes;
}

/** Checks that every answer is the undisturbed one, and that every differing token was a tie. */
async function judge(worker: Worker, { request, whole, answers }: Outcome, facts: Facts): Promise<void> {
  const places = new Map<string, { readonly at: number; readonly other: number }>();
  let identical = 0;
  for (const answer of answers) {
    facts.equal("the end of a stream", answer.end, whole.end);
    const at = answer.ids.findIndex((id, i) => id !== whole.ids[i]);
    const other = answer.ids[at] ?? -1;
    if (at !== -1) places.set(`${at} ${other}`, { at, other });
    else {
      identical += 1;
      facts.equal("the tokens, text and end", shapeOf(answer), shapeOf(whole));
    }
  }
  facts.equal("the end of the undisturbed stream", whole.end, ["complete", true, []]);
  const resumed = answers.filter(({ losses }) => losses > 0).length;
  const numbers = { answers: answers.length, resumed, identical };
  for (const [what, number] of Object.entries(numbers)) facts.number(what, number);
  for (const { at, other } of places.values()) {
    const margin = await marginOf(worker, { request, ids: whole.ids, at, other });
    facts.number(`differs_at_${at}_margin_millionths`, margin * 1e6);
    facts.expect(margin < tieMargin, `token ${at} is ${other} instead of ${whole.ids[at]}, by a margin of ${margin}`);
  }
}

const shapeOf = ({ ids, text, ending }: Answer): unknown => [ids.length, text, ending];

async function readAnswer(worker: Worker, request: Request): Promise<Answer> {
  const stream = await inference.open(worker, { ...request, job_id: freshId("voice") });
  const { how } = await waitFor("the end of a stream", stream.over, streamLimitMs);
  return {
    ids: stream.events.flatMap((event) => (event.type === "token" ? (event.ids ?? []) : [])),
    end: [how, stream.judge.done, stream.judge.problems],
    text: stream.judge.text,
    ending: endingOf(stream.judge.terminal),
    losses: stream.events.filter((event) => event.type === "status" && event.status === "resuming").length,
  };
}

/** The prompt of a job has a marker that kills the engine process, before the first token or after eight. Only this job may fail. */
async function checkPoison(
  stage: Stage,
  { poison, deaths }: { readonly poison: string; readonly deaths: number },
  facts: Facts,
): Promise<void> {
  await using worker = await stage.startWorker("--slots 4 --fake-step-delay 5");
  const neighbours: { readonly stream: LiveStream; readonly text: string }[] = [];
  const add = async (seed: number): Promise<void> => {
    const request = { prompt: "I mean no harm.", seed, max_tokens: 120 };
    const text = await stage.uncutText(request);
    neighbours.push({ stream: await inference.open(worker, { ...request, job_id: freshId("good") }), text });
  };
  for (const seed of [0, 1]) await add(seed);
  const poisoned = await inference.open(worker, { prompt: poison, job_id: freshId("poison") });
  for (const seed of [2, 3, 4, 5]) await add(seed);
  await facts.ended("the job that kills its engines", poisoned, "error engine_failed");
  for (const { stream, text } of neighbours) await facts.ended("another stream", stream, "length", text);
  facts.equal("deaths counted", (await worker.metrics()).sum("waggle_engine_deaths_total"), deaths);
  const { ready } = await worker.client.ready();
  facts.expect(ready, "the worker is not ready afterwards");
}
