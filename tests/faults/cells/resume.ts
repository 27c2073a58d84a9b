// Tests resumed streams: a stream that is cut anywhere and resumed is byte for byte the uncut one. The same holds for a replay.
import { createFacts, isToken, waitFor, type Facts, type LiveStream, type Worker } from "@waggle/testing/harness";
import { expect, test } from "vitest";
import { isLong } from "../../support/long.ts";
import { shared, type Stage } from "../support/stage.ts";
import { freshId, inference, jobs, reopen, ways, type JobRequest, type Way } from "../support/ways.ts";

const tokens = 300;
/** In the answer, a character may span several tokens, which then share one token event. No cut may split such an event. */
const prompt = "[unicode] Tell me about the bees of the world.";
/** All cuts are within this many events from the start. The answer of 300 tokens has more token events. */
const events = 100;
/** Number of cuts in a round, each of another stream. */
const cuts = 5;
const longRounds = 40;
/** Number of cuts in a stream with a single reader. */
const cutsInARow = 4;

const flags = "--slots 4 --fake-step-delay 1";

export function resume(stage: Stage): void {
  const worker = shared(() => stage.startWorker(flags));
  const text = shared(() => stage.uncutText({ prompt, seed: 7, max_tokens: tokens }));
  const watched = async (facts: Facts): Promise<void> => {
    for (let cut = 0; cut < cuts; cut += 1)
      await checkWatched(worker(), request(), stage.random.between(0, events - 1), facts, text());
  };
  stage.cell("one of two readers is cut after a random token", watched, longRounds);
  for (const way of isLong ? ways : [])
    stage.cell(`the only reader is cut ${cutsInARow} times (${way.name})`, (facts) =>
      checkAlone(stage, worker(), way, text(), facts),
    );
}

export function resumeTooLate(stage: Stage): void {
  test("is caught", async () => {
    const [worker, facts] = [await stage.startWorker(`${flags} --replay-buffer 2KiB`), createFacts()];
    await checkWatched(worker, request(), events / 2, facts);
    expect(facts.failures.join("\n")).toMatch(/byte for byte/);
  });
}

const request = (): JobRequest => ({ prompt, seed: 7, max_tokens: tokens, job_id: freshId("resume") });

/**
 * One reader is cut after a token and resumes; another reader of the same job is not cut.
 * @param text expected text of both, if known
 */
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
  facts.equal(
    `the stream that was cut after token ${cutAt} and resumed, byte for byte`,
    head + answerBytes(tail),
    answerBytes(uncut),
  );
  const replay = await reopen(worker, body.job_id);
  await facts.ended("the replay of the finished job", replay, "length");
  facts.equal("the replay, byte for byte", answerBytes(replay), answerBytes(uncut));
  facts.number("bytes", answerBytes(uncut).length);
}

/** Between the cuts the job has no reader, and continues because of the reconnect grace or, for an inference, because of `on_disconnect`. */
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

/** Disconnects when this token has arrived. Resolves with the frames up to the last token received. */
async function cutAfter(stream: LiveStream, index: number): Promise<string> {
  await stream.event(`token ${index}`, (event) => isToken(event) && event.index >= index);
  stream.leave();
  await waitFor("the cut stream to be over", stream.over);
  const last = lastIndexOf(stream);
  return framesOf(stream)
    .filter((frame) => (idOf(frame) ?? Infinity) <= last)
    .join("");
}

/** The bytes from the first token on: each reader gets its own events before that. */
function answerBytes(stream: LiveStream): string {
  const frames = framesOf(stream);
  return frames.slice(frames.findIndex((frame) => idOf(frame) !== undefined)).join("");
}

/** Complete frames, without pings. */
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
