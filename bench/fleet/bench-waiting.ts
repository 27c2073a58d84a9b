// Measures the cost of jobs that wait in a gateway's queue: the time until a client gets its headers, and the storage and CPU time of NATS.
import {
  gatewayFlags,
  inLanes,
  median,
  percentile,
  poll,
  startGateway,
  startNats,
  startWorker,
  stopwatch,
  usageOf,
  type ProcessGroups,
} from "@waggle/testing/harness";

const slots = 8;
/** Parallel clients, each of which sends one request after another. */
const lanes = 8;
const promptChars = 1_000;

interface Headers {
  /** Milliseconds until the headers. */
  readonly p50: number;
  readonly p99: number;
}

export interface WaitingCost {
  /** For comparison: a worker without a fleet, with the same jobs in its queue. */
  readonly worker: Headers;
  readonly gateway: Headers;
  /** Job records in the NATS bucket while all jobs wait, and their size. */
  readonly records: number;
  readonly recordBytes: number;
  /** CPU time of each process per job while the jobs were accepted, in milliseconds. */
  readonly natsCpuMs: number;
  readonly gatewayCpuMs: number;
}

export async function benchWaiting(groups: ProcessGroups, jobs: number, signal: AbortSignal): Promise<WaitingCost> {
  const roomy = ["--queue-capacity", "4096", "--client-queue-share", "1"];
  // No job ends during the measurement.
  const fake = ["--backend", "fake", "--slots", String(slots), "--fake-step-delay", "1s", ...roomy];
  await using nats = await startNats(groups);
  await using alone = await startWorker(groups, { flags: fake });
  const worker = await submitAll(alone.url, jobs, signal);
  await alone[Symbol.asyncDispose]();
  await using _ = await startWorker(groups, { flags: [...fake, "--nats-url", nats.url] });
  await using gateway = await startGateway(groups, { flags: [...gatewayFlags(nats, "gate-1"), ...roomy] });
  await poll("the gateway to know the worker", async () => (await gateway.client.health()).slots.total === slots);
  const cpuOf = async (pid: number): Promise<number> => (await usageOf(pid))?.cpuMs ?? Number.NaN;
  const before = { nats: await cpuOf(nats.pid), gateway: await cpuOf(gateway.pid) };
  const found = await submitAll(gateway.url, jobs, signal);
  const after = { nats: await cpuOf(nats.pid), gateway: await cpuOf(gateway.pid) };
  return {
    worker,
    gateway: found,
    records: await nats.messagesIn("KV_waggle_jobs"),
    recordBytes: await nats.bytesIn("KV_waggle_jobs"),
    natsCpuMs: (after.nats - before.nats) / jobs,
    gatewayCpuMs: (after.gateway - before.gateway) / jobs,
  };
}

async function submitAll(url: string, jobs: number, signal: AbortSignal): Promise<Headers> {
  const filler = "What do the bees say? ".repeat(promptChars).slice(0, promptChars);
  const took = await inLanes(lanes, Array.from({ length: jobs }).keys(), async (i) => {
    signal.throwIfAborted();
    const since = stopwatch();
    const response = await fetch(`${url}/v1/jobs`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt: `${i} ${filler}`, max_tokens: 1_000, on_disconnect: "continue" }),
    });
    const ms = since();
    const text = await response.text();
    if (response.status !== 202) throw new Error(`Cannot measure: a job was refused with ${response.status} ${text}`);
    return ms;
  });
  return { p50: median(took), p99: percentile(took, 0.99) };
}
