// Owns the resuming of chaos: a stream cut anywhere and resumed is byte for byte the uncut one, and so is what a second reader gets.
import { isToken, waitFor, type Facts, type LiveStream, type Worker } from "@waggle/testing/harness";
import type { Stage } from "./stage.ts";
import { freshId, inference, jobs, reopen, ways, type JobRequest, type Way } from "./ways.ts";

const tokens = 300;
/** A character of this prompt's answer spans tokens, so a token event holds several, and a cut must not fall into one. */
const prompt = "[unicode] Tell me about the bees of the world.";
/** Fewer than the token events that become of 300 such tokens; cuts fall before the last of them. */
const events = 100;
const cutsShort = 5;
const cutsLong = 200;
/** Times that one stream is cut, in the check that cuts a single reader again and again. */
const cutsInARow = 4;

export async function runResume(stage: Stage): Promise<void> {
  await using worker = await stage.startWorker("--slots 4 --fake-step-delay 1");
  const text = await stage.uncutText({ prompt, seed: 7, max_tokens: tokens });
  for (const _ of stage.rounds(cutsLong, cutsShort)) {
    const at = stage.random.between(0, events - 1);
    await stage.check(`cut after token ${at}, a second reader watches`, (facts) =>
      checkWatched(worker, request(), at, facts, text),
    );
  }
  for (const way of ways) {
    await stage.check(`the only reader, cut again and again (${way.name})`, (facts) =>
      checkAlone(stage, worker, way, text, facts),
    );
  }
}

const request = (): JobRequest => ({ prompt, seed: 7, max_tokens: tokens, job_id: freshId("resume") });

/** One reader is cut after a token and resumes, next to one that is not. `text` is what both must say, where that is known. */
export async function checkWatched(
  worker: Worker,
  body: JobRequest,
  cutAt: number,
  facts: Facts,
  text?: string,
): Promise<void> {
  const uncut = await jobs.open(worker, body);
  const cut = await reopen(worker, body.job_id);
  const head = await cutAfter(cut, cutAt);
  const tail = await reopen(worker, body.job_id, lastIndexOf(cut));
  await facts.ended("the uncut stream", uncut, "length", text);
  await facts.ended("the resumed stream", tail, "length");
  facts.equal("cut and resumed, byte for byte", head + answerBytes(tail), answerBytes(uncut));
  const replay = await reopen(worker, body.job_id);
  await facts.ended("the replay of the finished job", replay, "length");
  facts.equal("the replay, byte for byte", answerBytes(replay), answerBytes(uncut));
  facts.number("bytes", answerBytes(uncut).length);
}

/** Between the cuts the job has no reader, and continues: within the reconnect grace or, an inference, because it was asked to. */
async function checkAlone(stage: Stage, worker: Worker, way: Way, text: string, facts: Facts): Promise<void> {
  const body = { ...request(), ...(way === inference ? { on_disconnect: "continue" as const } : {}) };
  let stream = await way.open(worker, body);
  let bytes = "";
  const piece = events / (cutsInARow + 1);
  for (let cut = 0; cut < cutsInARow; cut += 1) {
    bytes += await cutAfter(stream, stage.random.between(cut * piece, (cut + 1) * piece - 1));
    stream = await reopen(worker, body.job_id, lastIndexOf(stream));
  }
  await facts.ended("the last piece", stream, "length");
  const uncut = await reopen(worker, body.job_id);
  await facts.ended("the uncut stream", uncut, "length", text);
  facts.equal("the pieces, byte for byte", bytes + answerBytes(stream), answerBytes(uncut));
}

/** Leaves once that token has come; resolves with the bytes of the tokens up to the last one that came. */
async function cutAfter(stream: LiveStream, index: number): Promise<string> {
  await stream.event(`token ${index}`, (event) => isToken(event) && event.index >= index);
  stream.leave();
  await waitFor("the cut stream to be over", stream.over);
  const last = lastIndexOf(stream);
  return framesOf(stream)
    .filter((frame) => (idOf(frame) ?? Infinity) <= last)
    .join("");
}

/** The bytes from the first token on: what comes before is sent anew to each reader. */
function answerBytes(stream: LiveStream): string {
  const frames = framesOf(stream);
  return frames.slice(frames.findIndex((frame) => idOf(frame) !== undefined)).join("");
}

/** Whole frames, without pings. */
function framesOf({ raw }: LiveStream): string[] {
  const frames = raw.split("\n\n").slice(0, -1);
  return frames.filter((frame) => !frame.startsWith(":")).map((frame) => `${frame}\n\n`);
}

function idOf(frame: string): number | undefined {
  const id = /^id: ?(\d+)$/m.exec(frame)?.[1];
  return id === undefined ? undefined : Number(id);
}

function lastIndexOf({ events }: LiveStream): number {
  return events.findLast(isToken)?.index ?? -1;
}
