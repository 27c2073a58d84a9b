// Owns the cycles of chaos: clients that connect and go at random moments, hundreds of times; afterwards the worker is as before the first.
import { sleep } from "@waggle/async";
import { inLanes, logged, mean, poll, repositoryPath, type Facts, type Worker } from "@waggle/testing/harness";
import type { Stage } from "./stage.ts";
import { freshId, inference, jobs } from "./ways.ts";

const cyclesShort = 100;
const cyclesLong = 1_000;
/** A tenth of a short run is too little to have compiled the code and filled the pools; a tenth of a long one is not. */
const warmUp = 50;
/** Cycles between two looks at the memory, as a share of all. */
const looks = 20;
/** Clients at a time: more than slots, so that some wait in the queue. */
const lanes = 6;
/** A client goes this long after it came, at most: before its request is read, while it waits, in prefill, between tokens. */
const longestStayMs = 80;
const promptChars = [10, 400, 3_000];
const heapGrowthAllowed = 0.1;
/** A share of RSS by which it may seem to grow from the third quarter to the last; allocators and a busy machine are not still. */
const rssGrowthAllowed = 0.05;
const bytesPerMb = 1_048_576;

interface Memory {
  readonly heapUsed: number;
  readonly rss: number;
}

export async function runCycles(stage: Stage): Promise<void> {
  const nodeFlags = ["--expose-gc", "--import", repositoryPath("tests/faults/lib/collect-on-signal.js")];
  const flags = "--slots 4 --fake-step-delay 4 --prefill-budget 64 --queue-capacity 64";
  const brevity =
    "--replay-window 50ms --answer-window 50ms --reconnect-grace 20ms --retry-grace 20ms --unclaimed-timeout 200ms";
  await using worker = await stage.startWorker(`${flags} ${brevity}`, { nodeFlags });
  const cycles = stage.long ? cyclesLong : cyclesShort;
  if (!stage.long) await settle(stage, worker, warmUp);
  const memory: Memory[] = [];
  const limitMs = 120_000 + cycles * longestStayMs;

  await stage.check(
    `${cycles} clients that come and go`,
    async (facts) => {
      for (let look = 0; look < looks; look += 1) {
        await settle(stage, worker, cycles / looks);
        memory.push(await collect(worker));
      }
      await checkEmpty(worker, facts);
    },
    limitMs,
  );
  await stage.check("the heap after a collection has not grown", async (facts) => {
    // The first tenth of the cycles is what it settled at.
    const heap = memory.map(({ heapUsed }) => heapUsed);
    checkGrowth("the heap", heap[looks / 10 - 1], heap.at(-1), heapGrowthAllowed, facts);
  });
  await stage.check("RSS does not keep growing", async (facts) => {
    const rss = memory.map((look) => look.rss);
    const quarter = looks / 4;
    checkGrowth("RSS", mean(rss.slice(-2 * quarter, -quarter)), mean(rss.slice(-quarter)), rssGrowthAllowed, facts);
  });
}

/** Lets so many clients come and go, and waits until the worker has forgotten them all. */
async function settle(stage: Stage, worker: Worker, clients: number): Promise<void> {
  await inLanes(lanes, Array(clients).keys(), () => comeAndGo(stage, worker));
  // No slot, place, stream, job or byte of replay is held any more.
  const gauges = ["slots_busy", "queue_depth", "streams_open", "jobs_registered", "replay_bytes"];
  await poll("the worker to forget its clients", async () => {
    const metrics = await worker.metrics();
    return gauges.every((gauge) => metrics.sum(`waggle_${gauge}`) === 0);
  });
}

async function comeAndGo({ random }: Stage, worker: Worker): Promise<void> {
  const leaving = new AbortController();
  const prompt = "x".repeat(random.pick(promptChars));
  const request = { prompt, job_id: freshId("cycle"), session_id: `s${random.between(1, 20)}` };
  const stay = sleep(random.next() * longestStayMs).then(() => leaving.abort(new Error("The client goes")));
  // Not awaited: it breaks when the client leaves, or the worker refuses, and either way is what a client that has gone does not hear.
  random
    .pick([inference, jobs])
    .open(worker, request, leaving.signal)
    .catch(() => {});
  await stay;
}

async function collect(worker: Worker): Promise<Memory> {
  const from = worker.log.lines.length;
  worker.signal("SIGUSR2");
  const line = await worker.log.line("the worker's memory after a collection", logged("memory_after_collection"), {
    from,
  });
  if (line["collected"] !== true)
    throw new Error("Cannot collect garbage in the worker: node runs without --expose-gc");
  return { heapUsed: Number(line["heap_used"]), rss: Number(line["rss"]) };
}

async function checkEmpty(worker: Worker, facts: Facts): Promise<void> {
  const [slots, metrics] = [await worker.client.slots(), await worker.metrics()];
  const busy = slots.filter(({ state }) => state !== "idle");
  facts.equal("slots that are not idle", busy, []);
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
