// Tests sessions: a new job supersedes the session's old job at once and in order, and does not affect other sessions.
import { sleep } from "@waggle/async";
import {
  createFacts,
  isStarted,
  logged,
  poll,
  stopwatch,
  times,
  type Facts,
  type Worker,
} from "@waggle/testing/harness";
import { expect, test } from "vitest";
import { rowsOfKind } from "../../support/long.ts";
import { shared, type Stage } from "../support/stage.ts";
import { freshId, ways, type JobRequest, type Way } from "../support/ways.ts";

/** Time between job A and job B of a session. */
const changeOfMindMs = 50;
const burst = 5;
const answerTokens = 20;
/** More tokens than a job of a burst writes before the worker has accepted the last one, however slow the machine is. */
const burstTokens = 3_000;
const longRounds = 50;
const superseded = "cancelled by superseded";

interface Scene {
  readonly stage: Stage;
  readonly worker: Worker;
  readonly way: Way;
}

const flags = "--slots 4 --fake-step-delay 10";

export function supersede(stage: Stage): void {
  const worker = shared(() => stage.startWorker(flags));
  for (const way of rowsOfKind(ways)) {
    const pair = (facts: Facts): Promise<void> => checkPair({ stage, worker: worker(), way }, facts);
    stage.cell(`B 50 ms after a long A in one session (${way.name})`, pair, longRounds);
    const rush = (facts: Facts): Promise<void> => checkRush({ stage, worker: worker(), way }, facts);
    stage.cell(`${burst} jobs of one session at once, next to another session (${way.name})`, rush, longRounds);
  }
}

export function supersedeUnclean(stage: Stage): void {
  test("is caught", async () => {
    const [worker, facts] = [await stage.startWorker(`${flags} --supersede-timeout 0s`), createFacts()];
    for (const way of rowsOfKind(ways)) await checkPair({ stage, worker, way }, facts);
    expect(facts.failures.join("\n")).toMatch(/prev_stream_finished_cleanly/);
  });
}

type SessionRequest = JobRequest & { readonly session_id: string };

const endless = (session: string): SessionRequest => ({
  prompt: "Tell me everything.",
  session_id: session,
  job_id: freshId("endless"),
});

/** A request for 20 tokens, and the text of its undisturbed answer. */
async function brief(
  stage: Stage,
  session: string,
  tokens = answerTokens,
): Promise<{ readonly request: SessionRequest; readonly text: string }> {
  const request = { prompt: "Tell me a little.", seed: stage.random.between(1, 1_000_000), max_tokens: tokens };
  const text = await stage.uncutText(request);
  return { request: { ...request, session_id: session, job_id: freshId("brief") }, text };
}

async function checkPair({ stage, worker, way }: Scene, facts: Facts): Promise<void> {
  const session = freshId("session");
  const b = await brief(stage, session);
  const a = endless(session);
  const first = await way.open(worker, a);
  await Promise.all([sleep(changeOfMindMs), first.event("the slot of A", isStarted)]);
  const elapsed = stopwatch();
  const second = await way.open(worker, b.request);
  await facts.ended("A", first, superseded);
  facts.number("a_ended_ms", elapsed());
  await facts.ended("B", second, "length", b.text);
  // Log lines may arrive later than the stream's end.
  await worker.log.line("the end of B in the log", logged("stream_end", b.request.job_id));
  checkLogOrder(worker, a.job_id, b.request.job_id, facts);
}

/** Several jobs of a session at once: only the one that the worker accepts last gets its answer. Another session is not affected. */
async function checkRush({ stage, worker, way }: Scene, facts: Facts): Promise<void> {
  const { request, text } = await brief(stage, freshId("session"), burstTokens);
  const yours = await brief(stage, freshId("yours"));
  const other = await way.open(worker, yours.request);
  const jobs = await times(burst, async () => {
    const id = freshId("rush");
    return { id, stream: await way.open(worker, { ...request, job_id: id }) };
  });
  // The job that was accepted last writes until it is cancelled.
  const rest = (): typeof jobs => jobs.filter(({ stream }) => stream.judge.terminal === undefined);
  await poll("the end of all streams of the burst but one", () => rest().length === 1);
  for (const { id, stream } of rest()) {
    await stream.nextToken();
    facts.expect(text.startsWith(stream.judge.text), "the last job has another text");
    await worker.client.cancelJob(id);
    await facts.ended("the last job's stream", stream, "cancelled by client");
    for (const other of jobs.filter((job) => job.id !== id))
      await facts.ended("a superseded stream", other.stream, superseded);
  }
  await facts.ended("the other session's stream", other, "length", yours.text);
}

/** Checks that the log has the end of A before the start of B. */
function checkLogOrder(worker: Worker, a: string, b: string, facts: Facts): void {
  const at = (message: string, job: string): number => worker.log.lines.findIndex(logged(message, job));
  const ofA = ["stream_start", "stream_cancelled", "stream_end"].map((message) => at(message, a));
  const order = [...ofA, at("stream_start", b), at("stream_end", b)];
  facts.expect(
    !order.includes(-1),
    `the log lacks a line of start, cancelled and end of A, start and end of B; indexes: ${order.join(", ")}`,
  );
  facts.equal(
    "the order of the log lines",
    order,
    order.toSorted((x, y) => x - y),
  );
  facts.expect(at("prev_stream_finished_cleanly", b) >= 0, "the log has no prev_stream_finished_cleanly for B");
}
