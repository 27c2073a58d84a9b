// Tests slow readers: one that never reads, and one that resumes too late. They are disconnected, and no other client is affected.
import {
  logged,
  poll,
  postWithoutReading,
  stopwatch,
  type Facts,
  type Metrics,
  type Worker,
} from "@waggle/testing/harness";
import { isLong } from "../../support/long.ts";
import { shared, type Stage } from "../support/stage.ts";
import { freshId, inference, reopen } from "../support/ways.ts";

const replayBufferBytes = 65_536;
const stallTimeoutMs = 500;
/** Long ids make token events large, so that the sockets' buffers fill in a second or two. */
const idChars = 128;
/** More tokens than the buffers of two sockets hold, at 400 bytes per token: some systems let them grow to 38 MB. */
const endlessTokens = 1_000_000;
/** Lower bound of the bytes that the replay log counts for a token event. */
const leastBytesPerToken = 100;
const neighbour = { prompt: "Be brief.", seed: 6, max_tokens: 50 };
/** The buffers fill in seconds; on a busy machine in a minute. */
const cutOffLimitMs = 240_000;
const rssGrowthAllowedMb = 96;
const bytesPerMb = 1_048_576;
const readersLong = 20;

export function slowReaders(stage: Stage): void {
  const limits = `--replay-buffer ${replayBufferBytes} --reader-stall-timeout ${stallTimeoutMs}ms --replay-window 0s --answer-window 0s`;
  const worker = shared(() => stage.startWorker(`--slots 4 --context-size ${endlessTokens} ${limits}`));
  const never = async (facts: Facts): Promise<void> =>
    checkNeverReads(worker(), await stage.uncutText(neighbour), facts);
  stage.cell("a reader that never reads is disconnected", never, readersLong);
  if (!isLong) return;
  const late = (facts: Facts): Promise<void> => checkTooLate(worker(), facts);
  stage.cell("a reader that resumes too late gets slow_consumer", late, readersLong);
}

/** The job has no other reader, so it ends as after a disconnect. */
async function checkNeverReads(worker: Worker, text: string, facts: Facts): Promise<void> {
  const before = await worker.metrics();
  const job = freshId("never").padEnd(idChars, ".");
  const elapsed = stopwatch();
  const socket = postWithoutReading(`${worker.url}/v1/inference`, {
    prompt: "Fill the pipe.",
    job_id: job,
    session_id: job,
  });
  try {
    let cutOff = false;
    const end = worker.log.line("the slow reader's end", logged("stream_end", job), { limitMs: cutOffLimitMs });
    const ended = end.finally(() => (cutOff = true));
    // `ended` is awaited below. Until then its rejection needs a handler, since a neighbour's failure may come first.
    ended.catch(() => {});
    let neighbours = 0;
    for (; !cutOff; neighbours += 1) await checkNeighbour(worker, text, facts);
    const { tokens } = await ended;
    facts.number("cut_off_after_ms", elapsed());
    facts.number("tokens", Number(tokens));
    facts.number("neighbours", neighbours);
    facts.expect(neighbours > 0, "the slow reader was disconnected before another stream finished");
    facts.equal(
      "reason of the cancel",
      worker.log.lines.find(logged("stream_cancelled", job))?.["reason"],
      "disconnect",
    );
    const after = await worker.metrics();
    facts.equal("disconnected readers", cutOffs(after) - cutOffs(before), 1);
    const grownMb = (rss(after) - rss(before)) / bytesPerMb;
    facts.expect(grownMb <= rssGrowthAllowedMb, `RSS grew by ${grownMb.toFixed(0)} MB`);
    facts.number("rss_growth_mb", grownMb);
  } finally {
    socket.destroy();
  }
}

/** Checks that a brief answer next to the slow reader is complete, and that the replay logs keep to the limit of two jobs. */
async function checkNeighbour(worker: Worker, text: string, facts: Facts): Promise<void> {
  const stream = await inference.open(worker, { ...neighbour, job_id: freshId("neighbour") });
  await facts.ended("a neighbour's stream", stream, "length", text);
  const held = (await worker.metrics()).sum("waggle_replay_bytes");
  facts.expect(held <= 2 * replayBufferBytes, `the replay logs hold ${held} bytes`);
}

/** A reader resumes after the first token, when the replay log has dropped the next one. It gets an error; the job continues. */
async function checkTooLate(worker: Worker, facts: Facts): Promise<void> {
  const before = await worker.metrics();
  const { client } = worker;
  const job = freshId("late");
  await client.createJob({ prompt: "Fill the pipe.", job_id: job, on_disconnect: "continue" });
  try {
    const moved = replayBufferBytes / leastBytesPerToken;
    await poll("the replay log to drop its first tokens", async () => (await client.job(job)).tokens > moved);
    await facts.ended("a late reader's stream", await reopen(worker, job, 0), "error slow_consumer");
    facts.equal("disconnected readers", cutOffs(await worker.metrics()) - cutOffs(before), 1);
    facts.equal("the job's state", (await client.job(job)).state, "decode");
  } finally {
    await client.cancelJob(job);
  }
}

const cutOffs = (metrics: Metrics): number => metrics.sum("waggle_readers_cut_off_total");
const rss = (metrics: Metrics): number => metrics.sum("process_resident_memory_bytes");
