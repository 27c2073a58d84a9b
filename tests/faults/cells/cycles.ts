// Tests clients that connect and leave at random moments, hundreds of times. Afterwards the worker must hold no job, and its memory must not grow.
import { sleep } from "@waggle/async";
import { inLanes, logged, mean, poll, repositoryPath, type Facts, type Worker } from "@waggle/testing/harness";
import { isLong } from "../../support/long.ts";
import { shared, type Stage } from "../support/stage.ts";
import { freshId, inference, jobs } from "../support/ways.ts";

const cycleCount = isLong ? 1_000 : 50;
/** Number of memory measurements, at equal distances in a long run. */
const looks = 20;
/** Parallel clients: more than slots, so that some requests wait in the queue. */
const lanes = 6;
/** Longest stay of a client. Clients leave before their request is read, in the queue, in prefill, or between tokens. */
const longestStayMs = 80;
const promptChars = [10, 400, 3_000];
const heapGrowthAllowed = 0.1;
/** Allowed relative growth of RSS from the third quarter to the last one: allocators and a busy machine change it a little. */
const rssGrowthAllowed = 0.05;
const bytesPerMb = 1_048_576;

interface Memory {
  readonly heapUsed: number;
  readonly rss: number;
}

export function cycles(stage: Stage): void {
  const nodeFlags = ["--expose-gc", "--import", repositoryPath("tests/faults/support/collect-on-signal.js")];
  const flags = "--slots 4 --fake-step-delay 4 --prefill-budget 64 --queue-capacity 64";
  const brevity =
    "--replay-window 50ms --answer-window 50ms --reconnect-grace 20ms --retry-grace 20ms --unclaimed-timeout 200ms";
  const worker = shared(() => stage.startWorker(`${flags} ${brevity}`, { nodeFlags }));
  const memory = shared(async () => {
    const seen: Memory[] = [];
    for (let left = isLong ? looks : 1; left > 0; left -= 1) {
      await settle(stage, worker(), isLong ? cycleCount / looks : cycleCount);
      seen.push(await collect(worker()));
    }
    return seen;
  });

  stage.cell("leave no job in the worker", (facts) => checkEmpty(worker(), facts));
  // A short run is too short to compile code and fill pools.
  if (!isLong) return;
  stage.cell("do not grow the heap after garbage collection", async (facts) => {
    // The reference is the heap after the first tenth of the cycles.
    const heap = memory().map(({ heapUsed }) => heapUsed);
    checkGrowth("the heap", heap[looks / 10 - 1], heap.at(-1), heapGrowthAllowed, facts);
  });
  stage.cell("do not keep growing RSS", async (facts) => {
    const rss = memory().map((look) => look.rss);
    const quarter = looks / 4;
    checkGrowth("RSS", mean(rss.slice(-2 * quarter, -quarter)), mean(rss.slice(-quarter)), rssGrowthAllowed, facts);
  });
}

/** Runs this many clients, and waits until the worker holds nothing for them. */
async function settle(stage: Stage, worker: Worker, clients: number): Promise<void> {
  await inLanes(lanes, Array(clients).keys(), () => comeAndGo(stage, worker));
  const gauges = ["slots_busy", "queue_depth", "streams_open", "jobs_registered", "replay_bytes"];
  await poll("the worker to release all jobs and streams", async () => {
    const metrics = await worker.metrics();
    return gauges.every((gauge) => metrics.sum(`waggle_${gauge}`) === 0);
  });
}

async function comeAndGo({ random }: Stage, worker: Worker): Promise<void> {
  const leaving = new AbortController();
  const prompt = "x".repeat(random.pick(promptChars));
  const request = { prompt, job_id: freshId("cycle"), session_id: `s${random.between(1, 20)}` };
  const stay = sleep(random.next() * longestStayMs).then(() => leaving.abort(new Error("The client goes")));
  // Not awaited: the request fails when the client leaves or the worker refuses it, and neither is an error here.
  random
    .pick([inference, jobs])
    .open(worker, request, leaving.signal)
    .catch(() => {});
  await stay;
}

async function collect(worker: Worker): Promise<Memory> {
  const from = worker.log.lines.length;
  worker.signal("SIGUSR2");
  const collected = logged("memory_after_collection");
  const line = await worker.log.line("the worker's memory after garbage collection", collected, { from });
  if (line["collected"] !== true)
    throw new Error("Cannot collect garbage in the worker: node runs without --expose-gc");
  return { heapUsed: Number(line["heap_used"]), rss: Number(line["rss"]) };
}

async function checkEmpty(worker: Worker, facts: Facts): Promise<void> {
  const [slots, metrics] = [await worker.client.slots(), await worker.metrics()];
  const busy = slots.filter(({ state }) => state !== "idle");
  facts.equal("busy slots", busy, []);
  facts.equal("jobs that ended", metrics.sum("waggle_jobs_ended_total"), metrics.sum("waggle_jobs_accepted_total"));
  const cancels = metrics.sum("waggle_cancel_steps_count");
  facts.equal("cancels within one step", metrics.sum("waggle_cancel_steps_bucket", { le: "1" }), cancels);
  facts.number("cancels", cancels);
  facts.equal("engine deaths", metrics.sum("waggle_engine_deaths_total"), 0);
  const errors = worker.log.lines.filter(({ level }) => level === "error");
  facts.equal("errors in the log", errors, []);
  facts.number("jobs", metrics.sum("waggle_jobs_accepted_total"));
}

function checkGrowth(what: string, before = Number.NaN, after = Number.NaN, allowed: number, facts: Facts): void {
  const growth = (after - before) / before;
  facts.expect(growth <= allowed, `${what} grew by ${(100 * growth).toFixed(1)} %`);
  facts.number("before_mb", before / bytesPerMb);
  facts.number("after_mb", after / bytesPerMb);
  facts.number("growth_percent", 100 * growth);
}
