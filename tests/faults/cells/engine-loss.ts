// Tests streams that outlive their engine. The engine of a real model is killed every few seconds under nine kinds of answers, and each answer is
// compared token for token with the undisturbed one. Also tests a job that kills its engines: only this job may fail.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  endingOf,
  logged,
  repositoryPath,
  times,
  waitFor,
  type Ending,
  type Facts,
  type LiveStream,
  type Worker,
} from "@waggle/testing/harness";
import type { GenerateRequestInput } from "@waggle/protocol";
import { madeUpPng } from "@waggle/testing";
import { writeProjector, writeSinglePrecision } from "@waggle/testing/models";
import { marginOf, tieMargin } from "../../support/margin.ts";
import type { Stage } from "../support/stage.ts";
import { freshId, inference } from "../support/ways.ts";

const killIntervalMs = 3_000;
const [killsLong, killsShort] = [20, 3];
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
}

interface Answer {
  readonly ids: readonly number[];
  readonly text: string;
  readonly ending: string;
  /** Engines that died during the answer. */
  readonly losses: number;
}

/** The answers of one kind while engines die. */
interface Outcome {
  readonly voice: Voice;
  /** The undisturbed answer. */
  readonly whole: Answer;
  answers: number;
  resumed: number;
  losses: number;
  /** For each answer with other tokens: index of the first token that differs, and that token's id. */
  readonly differences: { readonly at: number; readonly other: number }[];
}

export async function runEngineLoss(stage: Stage): Promise<void> {
  await runVoices(stage);
  await runPoison(stage);
}

const opening = "Once upon a time there was a little girl";
const person = { type: "object", properties: { name: { type: "string" }, age: { type: "integer" } } };
const strict = { ...person, required: ["name", "age"], additionalProperties: false };
const pictures = [1, 2, 1].map((color) => ({
  type: "image_url" as const,
  image_url: { url: `data:image/png;base64,${Buffer.from(madeUpPng(color)).toString("base64")}` },
}));
const tools = [{ type: "function" as const, function: { name: "tell", parameters: strict } }];

/** @param stop a string that occurs near the end of the plain-text answer */
function voicesOf(stop: string): readonly Voice[] {
  const long = { max_tokens: 400, ignore_eos: true, repetition_limit: 0 };
  const plain = { ...long, prompt: opening, temperature: 0 };
  const schema = { type: "array", items: strict, minItems: 6, maxItems: 12 };
  return [
    { name: "plain text", request: plain },
    { name: "sampling with a seed", request: { ...plain, temperature: 1, seed: 42 } },
    { name: "sampling with another seed", request: { ...plain, temperature: 0.8, top_p: 0.9, seed: 43 } },
    {
      name: "penalties and DRY",
      request: { ...plain, repeat_penalty: 1.2, presence_penalty: 0.3, dry_multiplier: 0.8 },
    },
    { name: "a stop string", request: { ...plain, stop: [stop] } },
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
}

/** Requests all kinds of answers in parallel, again and again, until the last engine has died. */
async function runVoices(stage: Stage): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "waggle-voices-"));
  try {
    const model = join(folder, "stories-f32.gguf");
    writeSinglePrecision(repositoryPath("models/waggle-tiny-stories.gguf"), model);
    const [projector, mmproj] = [join(folder, "projector.gguf"), join(folder, "mmproj-stories-f32.gguf")];
    writeProjector({ path: projector, shape: "llava", textWidth: storiesWidth });
    writeSinglePrecision(projector, mmproj);
    await runVoicesOf(stage, `--model ${model} --mmproj ${mmproj}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runVoicesOf(stage: Stage, modelFlags: string): Promise<void> {
  const kills = stage.long ? killsLong : killsShort;
  await using worker = await stage.startWorker(`${modelFlags} ${voicesFlags}`, { realModel: true });
  const outcomes: Outcome[] = [];
  const name = `kill -9 of the engine every ${killIntervalMs / 1_000} s, ${kills} times`;
  const run = (facts: Facts) => killUnderVoices(worker, { kills, outcomes, facts });
  await stage.check(name, run, kills * msPerKill + streamLimitMs);
  for (const outcome of outcomes)
    await stage.check(outcome.voice.name, (facts) => judge(worker, outcome, facts), streamLimitMs);
}

async function killUnderVoices(
  worker: Worker,
  { kills, outcomes, facts }: { kills: number; outcomes: Outcome[]; facts: Facts },
): Promise<void> {
  const [plain] = voicesOf("never");
  const { text } = await readAnswer(worker, plain?.request ?? {}, facts);
  const voices = voicesOf(text.slice(-60, -40));
  const wholes = await Promise.all(voices.map(({ request }) => readAnswer(worker, request, facts)));
  for (const [i, whole] of wholes.entries()) {
    const voice = voices[i];
    if (voice !== undefined) outcomes.push({ voice, whole, answers: 0, resumed: 0, losses: 0, differences: [] });
  }
  let dying = true;
  const lanes = outcomes.map(async (outcome) => {
    // Each answer is requested again while engines die, so that every death affects nine streams.
    while (dying) await compare(worker, outcome, facts);
  });
  for (let kill = 0; kill < kills; kill += 1) {
    await delay(killIntervalMs);
    const from = worker.log.lines.length;
    process.kill(worker.enginePid(), "SIGKILL");
    await worker.log.line("the next engine's readiness", logged("model_ready"), { from, limitMs: msPerKill });
  }
  dying = false;
  await Promise.all(lanes);
  const metrics = await worker.metrics();
  facts.equal("deaths counted", metrics.sum("waggle_engine_deaths_total"), kills);
  const resumed = outcomes.reduce((sum, { losses }) => sum + losses, 0);
  facts.equal("resumed streams counted", metrics.sum("waggle_jobs_resumed_total"), resumed);
  facts.expect(resumed >= kills, `${resumed} streams were resumed in ${kills} deaths`);
  facts.number("resumed", resumed);
}

async function compare(worker: Worker, outcome: Outcome, facts: Facts): Promise<void> {
  const { voice, whole } = outcome;
  const continued = await readAnswer(worker, voice.request, facts);
  outcome.answers += 1;
  outcome.losses += continued.losses;
  if (continued.losses > 0) outcome.resumed += 1;
  const at = differenceOf(continued, whole);
  if (at !== -1) outcome.differences.push({ at, other: continued.ids[at] ?? -1 });
  else facts.equal(`the tokens, text and end of ${voice.name}`, shapeOf(continued), shapeOf(whole));
}

function differenceOf({ ids }: Answer, whole: Answer): number {
  return ids.findIndex((id, i) => id !== whole.ids[i]);
}

/** Called after the last kill: checks that every differing token was a tie. */
async function judge(
  worker: Worker,
  { voice, whole, answers, resumed, differences }: Outcome,
  facts: Facts,
): Promise<void> {
  const { request } = voice;
  const numbers = { answers, resumed, identical: answers - differences.length };
  for (const [what, number] of Object.entries(numbers)) facts.number(what, number);
  const places = new Map(differences.map((difference) => [`${difference.at} ${difference.other}`, difference]));
  for (const { at, other } of places.values()) {
    const margin = await marginOf(worker, { request, ids: whole.ids, at, other });
    facts.number(`differs_at_${at}_margin_millionths`, margin * 1e6);
    facts.expect(margin < tieMargin, `token ${at} is ${other} instead of ${whole.ids[at]}, by a margin of ${margin}`);
  }
}

const shapeOf = ({ ids, text, ending }: Answer): unknown => [ids.length, text, ending];

/** Reads an answer to its end, and checks the rules of streams. */
async function readAnswer(worker: Worker, request: Request, facts: Facts): Promise<Answer> {
  const stream = await inference.open(worker, { ...request, job_id: freshId("voice") });
  const { how } = await waitFor("the end of a stream", stream.over, streamLimitMs);
  facts.equal("end of a stream", [how, stream.judge.done], ["complete", true]);
  facts.equal("broken rules of streams", stream.judge.problems, []);
  return {
    ids: stream.events.flatMap((event) => (event.type === "token" ? (event.ids ?? []) : [])),
    text: stream.judge.text,
    ending: endingOf(stream.judge.terminal),
    losses: stream.events.filter((event) => event.type === "status" && event.status === "resuming").length,
  };
}

/** A job whose prompt contains a marker that kills the engine process, before the first token or after eight. */
async function runPoison(stage: Stage): Promise<void> {
  for (const [poison, deaths] of [
    ["[die:0]", 2],
    ["[die:8]", 3],
  ] as const) {
    await using worker = await stage.startWorker("--slots 4 --fake-step-delay 5");
    await stage.check(`a job that kills its engines (${poison}), with other streams`, async (facts) => {
      const requests = times(6, (seed) => Promise.resolve({ prompt: "I mean no harm.", seed, max_tokens: 120 }));
      const neighbours: { stream: LiveStream; text: string }[] = [];
      let poisoned: LiveStream | undefined;
      for (const [i, request] of (await requests).entries()) {
        const text = await stage.uncutText(request);
        neighbours.push({ stream: await inference.open(worker, { ...request, job_id: freshId("good") }), text });
        if (i === 1) poisoned = await inference.open(worker, { prompt: poison, job_id: freshId("poison") });
      }
      const ending: Ending = "error engine_failed";
      if (poisoned !== undefined) await facts.ended("the job that kills its engines", poisoned, ending);
      for (const { stream, text } of neighbours) await facts.ended("another stream", stream, "length", text);
      facts.equal("deaths counted", (await worker.metrics()).sum("waggle_engine_deaths_total"), deaths);
      const { ready } = await worker.client.ready();
      facts.expect(ready, "the worker is not ready afterwards");
    });
  }
}
