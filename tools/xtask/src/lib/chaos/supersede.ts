// Owns the sessions of chaos: a new job supersedes the old one at once and in order, and sessions leave each other alone.
import { sleep } from "@waggle/async";
import { told, type ChaosWorker } from "./chaos-worker.ts";
import type { Facts } from "./facts.ts";
import type { LiveStream } from "./live-stream.ts";
import type { Stage } from "./stage.ts";
import { isStarted } from "./stream-events.ts";
import { stopwatch, waitFor } from "./waits.ts";
import { freshId, ways, type JobRequest, type Way } from "./ways.ts";

/** Between prompt A and prompt B, as somebody who changes their mind at once. */
const changeOfMindMs = 50;
const burst = 5;
const answerTokens = 20;
const longRounds = 50;

export async function runSupersede(stage: Stage): Promise<void> {
  await using worker = await stage.startWorker("--slots 4 --fake-step-delay 10");
  for (const way of ways) {
    for (let round = 0; round < (stage.long ? longRounds : 1); round += 1) {
      await stage.check(`B 50 ms after a long A in one session (${way.name})`, (facts) =>
        checkPair(stage, worker, way, facts),
      );
      await stage.check(`a burst of ${burst}, one after the other (${way.name})`, (facts) =>
        checkBurst(stage, worker, way, facts),
      );
      await stage.check(`a burst of ${burst}, all at once (${way.name})`, (facts) =>
        checkRush(stage, worker, way, facts),
      );
      await stage.check(`two sessions side by side (${way.name})`, (facts) =>
        checkSideBySide(stage, worker, way, facts),
      );
    }
  }
}

type SessionRequest = JobRequest & { readonly session_id: string };

const endless = (session: string): SessionRequest => ({
  prompt: "Tell me everything.",
  session_id: session,
  job_id: freshId("endless"),
});

interface Brief {
  readonly request: SessionRequest & { readonly seed: number; readonly prompt: string };
  readonly text: string;
}

/** An answer of 20 tokens, and what it must say. */
async function brief(stage: Stage, session: string): Promise<Brief> {
  const seed = stage.random.between(1, 1_000_000);
  const prompt = "Tell me a little.";
  const text = await stage.uncutText({ prompt, seed, max_tokens: answerTokens });
  return { request: { prompt, seed, max_tokens: answerTokens, session_id: session, job_id: freshId("brief") }, text };
}

async function checkPair(stage: Stage, worker: ChaosWorker, way: Way, facts: Facts): Promise<void> {
  const session = freshId("session");
  const b = await brief(stage, session);
  const a = endless(session);
  const first = await way.open(worker, a);
  await Promise.all([sleep(changeOfMindMs), first.event("the slot of A", isStarted)]);
  const elapsed = stopwatch();
  const second = await way.open(worker, b.request);
  await checkSuperseded(first, facts);
  facts.number("a_ended_ms", elapsed());
  await checkAnswered(second, b.text, facts);
  // The log travels beside the stream and may arrive after it.
  await worker.log.line("the end of B in the log", told("stream_end", b.request.job_id));
  checkLogOrder(worker, a.job_id, b.request.job_id, facts);
}

/** Each is posted when the one before has its headers, so it is known which is the newest. */
async function checkBurst(stage: Stage, worker: ChaosWorker, way: Way, facts: Facts): Promise<void> {
  const session = freshId("session");
  const last = await brief(stage, session);
  const streams: LiveStream[] = [];
  for (let i = 1; i < burst; i += 1) streams.push(await way.open(worker, endless(session)));
  const newest = await way.open(worker, last.request);
  for (const stream of streams) await checkSuperseded(stream, facts);
  await checkAnswered(newest, last.text, facts);
}

/** Nobody knows which of them arrives last; it is the one that answers. */
async function checkRush(stage: Stage, worker: ChaosWorker, way: Way, facts: Facts): Promise<void> {
  const session = freshId("session");
  const { request, text } = await brief(stage, session);
  const streams = await Promise.all(
    Array.from({ length: burst }, () => way.open(worker, { ...request, job_id: freshId("rush") })),
  );
  const overs = await Promise.all(streams.map((stream) => waitFor("the end of a stream in the burst", stream.over)));
  const answered = streams.filter((_, i) => overs[i]?.terminal?.type === "end" && !isSuperseded(overs[i]?.terminal));
  facts.equal("streams that were answered", answered.length, 1);
  facts.equal("streams that were superseded", overs.filter(({ terminal }) => isSuperseded(terminal)).length, burst - 1);
  for (const stream of answered) await checkAnswered(stream, text, facts);
}

async function checkSideBySide(stage: Stage, worker: ChaosWorker, way: Way, facts: Facts): Promise<void> {
  const [mine, yours] = [await brief(stage, freshId("mine")), await brief(stage, freshId("yours"))];
  const superseded = await way.open(worker, endless(mine.request.session_id));
  const other = await way.open(worker, yours.request);
  const newest = await way.open(worker, mine.request);
  await checkSuperseded(superseded, facts);
  await checkAnswered(other, yours.text, facts);
  await checkAnswered(newest, mine.text, facts);
}

async function checkSuperseded(stream: LiveStream, facts: Facts): Promise<void> {
  const over = await waitFor("the end of a superseded stream", stream.over);
  facts.equal("what is wrong with the superseded stream", stream.problems, []);
  facts.expect(isSuperseded(over.terminal), `it ended with ${JSON.stringify(over.terminal)}`);
  facts.equal("how it and [DONE] came", [over.how, over.done], ["complete", true]);
}

async function checkAnswered(stream: LiveStream, text: string, facts: Facts): Promise<void> {
  const over = await waitFor("the end of an answer", stream.over);
  facts.equal("what is wrong with the answer's stream", stream.problems, []);
  facts.equal("how it ended", over.terminal?.type === "end" ? over.terminal.finish_reason : over.terminal, "length");
  facts.equal("its text", stream.text, text);
}

function isSuperseded(terminal: unknown): boolean {
  return (
    typeof terminal === "object" &&
    terminal !== null &&
    "cancelled_by" in terminal &&
    terminal.cancelled_by === "superseded"
  );
}

/** Between stream_start A and stream_start B of one session stands stream_end A. */
function checkLogOrder(worker: ChaosWorker, a: string, b: string, facts: Facts): void {
  const at = (message: string, job: string): number => worker.log.lines.findIndex(told(message, job));
  const order = [
    at("stream_start", a),
    at("stream_cancelled", a),
    at("stream_end", a),
    at("stream_start", b),
    at("stream_end", b),
  ];
  facts.expect(
    !order.includes(-1),
    `the log lacks one of start, cancelled and end of A, start and end of B: lines ${order.join(", ")}`,
  );
  facts.equal(
    "the order of the log's lines",
    order,
    order.toSorted((x, y) => x - y),
  );
  facts.expect(at("prev_stream_finished_cleanly", b) >= 0, "the log does not say prev_stream_finished_cleanly of B");
}
