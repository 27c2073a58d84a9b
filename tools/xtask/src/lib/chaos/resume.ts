// Owns the resuming of chaos: a stream cut anywhere and resumed is byte for byte the uncut one, and so is what a second reader gets.
import type { ChaosWorker } from "./chaos-worker.ts";
import type { Facts } from "./facts.ts";
import { openStream, RefusedError, type LiveStream } from "./live-stream.ts";
import type { Stage } from "./stage.ts";
import { isStarted, isToken } from "./stream-events.ts";
import { waitFor } from "./waits.ts";
import { freshId, inference, jobs, reopen, type JobRequest } from "./ways.ts";

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
  for (let cut = 0; cut < (stage.long ? cutsLong : cutsShort); cut += 1) {
    const at = stage.random.between(0, events - 1);
    await stage.check(`cut after token ${at}, a second reader watches`, (facts) =>
      checkWatched(worker, request(), at, facts, text),
    );
  }
  await stage.check("the only reader, cut again and again", (facts) => checkAlone(stage, worker, text, facts));
  await stage.check("an answer to POST /v1/inference, resumed on its job", (facts) => checkDirect(worker, text, facts));
  await stage.check("a resume past the end, and one from nowhere", (facts) => checkEdges(worker, facts));
}

const request = (): JobRequest => ({
  prompt,
  seed: 7,
  max_tokens: tokens,
  job_id: freshId("resume"),
});

/** One reader is cut after a token and resumes, beside one that is not. `text` is what both must say, where that is known. */
export async function checkWatched(
  worker: ChaosWorker,
  body: JobRequest,
  cutAt: number,
  facts: Facts,
  text?: string,
): Promise<void> {
  const uncut = await jobs.open(worker, body);
  const cut = await reopen(worker, body.job_id);
  const head = await cutAfter(cut, cutAt);
  const tail = await reopen(worker, body.job_id, lastIndexOf(cut));
  for (const stream of [uncut, tail]) await checkComplete(stream, facts);
  if (text !== undefined) facts.equal("the uncut text", uncut.text, text);
  facts.equal("cut and resumed, byte for byte", head + answerBytes(tail), answerBytes(uncut));
  const replay = await reopen(worker, body.job_id);
  await checkComplete(replay, facts);
  facts.equal("the replay of the finished job, byte for byte", answerBytes(replay), answerBytes(uncut));
  facts.number("bytes", answerBytes(uncut).length);
}

/** Between the cuts the job has no reader at all, and goes on within the reconnect grace. */
async function checkAlone(stage: Stage, worker: ChaosWorker, text: string, facts: Facts): Promise<void> {
  const body = request();
  let stream = await jobs.open(worker, body);
  let bytes = "";
  const piece = events / (cutsInARow + 1);
  for (let cut = 0; cut < cutsInARow; cut += 1) {
    bytes += await cutAfter(stream, stage.random.between(cut * piece, (cut + 1) * piece - 1));
    stream = await reopen(worker, body.job_id, lastIndexOf(stream));
  }
  await checkComplete(stream, facts);
  const uncut = await reopen(worker, body.job_id);
  await checkComplete(uncut, facts);
  facts.equal("the uncut text", uncut.text, text);
  facts.equal("the pieces, byte for byte", bytes + answerBytes(stream), answerBytes(uncut));
}

async function checkDirect(worker: ChaosWorker, text: string, facts: Facts): Promise<void> {
  const body = { ...request(), on_disconnect: "continue" as const };
  const cut = await inference.open(worker, body);
  const head = await cutAfter(cut, events / 4);
  const tail = await reopen(worker, body.job_id, lastIndexOf(cut));
  await checkComplete(tail, facts);
  facts.equal("the two texts", cut.text + tail.text, text);
  facts.expect(head.length > 0, "nothing came before the cut");
}

async function checkEdges(worker: ChaosWorker, facts: Facts): Promise<void> {
  const body = request();
  const stream = await inference.open(worker, body);
  await checkComplete(stream, facts);
  const after = (id: string): Promise<number> => statusOf(`${worker.url}/v1/jobs/${body.job_id}/stream`, id);
  facts.equal("status of a resume after the end's id", await after(String(lastIndexOf(stream) + 1)), 204);
  facts.equal("status of a resume after the last token", await after(String(lastIndexOf(stream))), 200);
  facts.equal("status of a resume from what is no number", await after("seven"), 400);
}

async function statusOf(url: string, lastEventId: string): Promise<number> {
  try {
    const stream = await openStream({ url, headers: { "last-event-id": lastEventId } });
    stream.leave();
    return 200;
  } catch (error) {
    if (error instanceof RefusedError) return error.status;
    throw error;
  }
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

/** The bytes from the first token on: what comes before is told anew to each reader. */
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

async function checkComplete(stream: LiveStream, facts: Facts): Promise<void> {
  const over = await waitFor("the end of a stream", stream.over);
  facts.equal("what is wrong with the stream", stream.problems, []);
  facts.equal("how it ended", [over.how, over.done, stream.events.some(isStarted)], ["complete", true, true]);
}
