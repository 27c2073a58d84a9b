// Owns the cycles of chaos: clients that connect and go at random moments, hundreds of times; afterwards it is as if nobody had been there.
import { sleep } from "@waggle/async";
import { named, type ChaosWorker } from "./chaos-worker.ts";
import type { Facts } from "./facts.ts";
import { slopeOf } from "./slope.ts";
import { repositoryPath } from "../repository.ts";
import type { Stage } from "./stage.ts";
import { poll } from "./waits.ts";
import { freshId } from "./ways.ts";

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
/** A share of RSS by which it may seem to grow over the last half; allocators and a busy machine are not still. */
const rssGrowthAllowed = 0.05;
const bytesPerMb = 1_048_576;

interface Memory {
  readonly heapUsed: number;
  readonly rss: number;
}

export async function runCycles(stage: Stage): Promise<void> {
  const nodeFlags = ["--expose-gc", "--import", repositoryPath("tools/xtask/src/testing/collect-on-signal.ts")];
  const flags = "--slots 4 --fake-step-delay 4 --prefill-budget 64 --queue-capacity 64";
  const brevity = "--replay-window 50ms --reconnect-grace 20ms --unclaimed-timeout 200ms";
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
  await stage.check("the heap after a collection has not grown", async (facts) => checkHeap(memory, facts));
  await stage.check("RSS has no slope over the last half", async (facts) => checkRss(memory, facts));
}

/** Lets so many clients come and go, and waits until the worker has forgotten them all. */
async function settle(stage: Stage, worker: ChaosWorker, clients: number): Promise<void> {
  let left = clients;
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      while ((left -= 1) >= 0) await comeAndGo(stage, worker);
    }),
  );
  await forgotten(worker);
}

async function comeAndGo({ random }: Stage, { url }: ChaosWorker): Promise<void> {
  const leaving = new AbortController();
  const request = {
    prompt: "x".repeat(random.pick(promptChars)),
    job_id: freshId("cycle"),
    session_id: `s${random.between(1, 20)}`,
  };
  const stay = sleep(random.next() * longestStayMs).then(() => leaving.abort());
  // Not awaited: it ends when the client leaves, or fails then, and either way is what a client that has gone does not hear.
  visit(url, request, random.next() < 0.5, leaving.signal).catch(() => {});
  await stay;
}

/** Reads until it is told to leave, one way or the other. Rejects then, or when the worker refuses. */
async function visit(url: string, request: object, direct: boolean, signal: AbortSignal): Promise<void> {
  const post = {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request),
    signal,
  };
  const answer = await fetch(`${url}/v1/${direct ? "inference" : "jobs"}`, post);
  const stream = direct
    ? answer
    : await fetch(url + ((await answer.json()) as { sse_url: string }).sse_url, { signal });
  for await (const _ of stream.body ?? []) if (signal.aborted) return;
}

/** No slot, place, stream, job or byte of replay is held any more. */
async function forgotten(worker: ChaosWorker): Promise<void> {
  const gauges = ["slots_busy", "queue_depth", "streams_open", "jobs_registered", "replay_bytes"];
  await poll("the worker to forget its clients", async () => {
    const metrics = await worker.metrics();
    return gauges.every((gauge) => metrics.sum(`waggle_${gauge}`) === 0) ? true : undefined;
  });
}

async function collect(worker: ChaosWorker): Promise<Memory> {
  const from = worker.log.lines.length;
  worker.signal("SIGUSR2");
  const line = await worker.log.line("the worker's memory after a collection", named("memory_after_collection"), {
    from,
  });
  if (line["collected"] !== true)
    throw new Error("Cannot collect garbage in the worker: node runs without --expose-gc");
  return { heapUsed: Number(line["heap_used"]), rss: Number(line["rss"]) };
}

async function checkEmpty(worker: ChaosWorker, facts: Facts): Promise<void> {
  const [slots, metrics] = [await worker.client.slots(), await worker.metrics()];
  facts.equal(
    "slots that are not idle",
    slots.filter(({ state }) => state !== "idle"),
    [],
  );
  facts.equal("jobs that ended", metrics.sum("waggle_jobs_ended_total"), metrics.sum("waggle_jobs_accepted_total"));
  const cancels = metrics.sum("waggle_cancel_steps_count");
  facts.equal("cancels within one step", metrics.sum("waggle_cancel_steps_bucket", { le: "1" }), cancels);
  facts.number("cancels", cancels);
  facts.equal("engine deaths", metrics.sum("waggle_engine_deaths_total"), 0);
  facts.equal(
    "errors in the log",
    worker.log.lines.filter(({ level }) => level === "error"),
    [],
  );
  facts.number("jobs", metrics.sum("waggle_jobs_accepted_total"));
}

/** The first tenth of the cycles is what it settled at. */
function checkHeap(memory: readonly Memory[], facts: Facts): void {
  const settled = memory[looks / 10 - 1]?.heapUsed ?? 0;
  const last = memory.at(-1)?.heapUsed ?? 0;
  const growth = (last - settled) / settled;
  facts.expect(growth <= heapGrowthAllowed, `the heap grew by ${(100 * growth).toFixed(1)} %`);
  facts.number("settled_mb", settled / bytesPerMb);
  facts.number("last_mb", last / bytesPerMb);
  facts.number("growth_percent", 100 * growth);
}

function checkRss(memory: readonly Memory[], facts: Facts): void {
  const half = memory.slice(looks / 2).map(({ rss }) => rss);
  const mean = half.reduce((sum, rss) => sum + rss, 0) / half.length;
  const growth = (slopeOf(half) * (half.length - 1)) / mean;
  facts.expect(growth <= rssGrowthAllowed, `RSS rose by ${(100 * growth).toFixed(1)} % over the last half`);
  facts.number("rss_mb", mean / bytesPerMb);
  facts.number("growth_percent", 100 * growth);
}
