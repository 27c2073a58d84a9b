// Tests outages of the hive: it refuses, delays, fails or drops requests, forgets its workers, or restarts. No stream may be affected, and the
// worker must register again by itself.
import { createHiveClient, type HiveClient } from "@waggle/client";
import { poll, startDaemon, stopwatch, type Daemon, type Facts, type Worker } from "@waggle/testing/harness";
import type { Fault } from "@waggle/protocol";
import { startBystander, type Bystander } from "../support/bystander.ts";
import { isLong, rowsOfKind } from "../../support/long.ts";
import { shared, type Stage } from "../support/stage.ts";

const workerId = "chaos-worker";
const heartbeatInterval = "100ms";
/** Shorter than the worker's timeout. Lasts until the next fault. */
const delay = { fault: "delay", delay_ms: 200 } as const;
const delayedBeats = 5;
/** Of these heartbeats, one may have been answered before the delay. */
const leastDelayedMs = (delayedBeats - 1) * delay.delay_ms;
/** Attempts that fail in an outage. The worker retries at once after the first failure, and waits longer after each further failure. */
const failures = 1;
const failuresLong = 3;
/** Longer than the pauses between the attempts of an outage (0 + 2 + 4 s) and the timeouts of the attempts. */
const recoveryLimitMs = 60_000;
const longRounds = 5;

interface Hive {
  readonly daemon: Daemon;
  readonly client: HiveClient;
  readonly port: string;
}

interface Scene {
  readonly stage: Stage;
  readonly worker: Worker;
  readonly bystander: Bystander;
  /** The current hive process: one outage replaces it. */
  hive: Hive;
}

export function hiveOutages(stage: Stage): void {
  const scene = shared(async (): Promise<Scene> => {
    const hive = await startHive(stage, "0");
    const flags = `--hive-url http://127.0.0.1:${hive.port} --worker-id ${workerId}`;
    const pace = `--heartbeat-interval ${heartbeatInterval} --fake-step-delay 10`;
    const worker = await stage.startWorker(`${flags} ${pace} --context-size 65536 --replay-buffer 64MiB`);
    return { stage, worker, bystander: await startBystander(stage, worker), hive };
  });
  stage.cell("the worker registers and sends heartbeats", () => beats(scene().hive.client));
  for (const outage of rowsOfKind(outages))
    stage.cell(outage.name, (facts) => checkOutage(scene(), outage, facts), longRounds);
}

interface Outage {
  readonly name: string;
  /** Outcome under which the worker counts the affected heartbeats, and their number. */
  readonly seenAs: "failed" | "forgotten" | "ok";
  readonly times: number;
  /** Shortest time for these heartbeats. */
  readonly leastMs?: number;
  begin(scene: Scene): Promise<unknown>;
  /** Ends the outage; absent if it ends by itself. */
  end?(scene: Scene): Promise<void>;
}

const fails = { seenAs: "failed", times: isLong ? failuresLong : failures } as const;
const set =
  (fault: Fault): Outage["begin"] =>
  ({ hive }) =>
    hive.client.setFault(fault);

const outages: readonly Outage[] = [
  { name: "the hive refuses connections", ...fails, begin: set({ fault: "refuse", count: fails.times }) },
  {
    ...{ name: "the hive is slow", seenAs: "ok", times: delayedBeats, leastMs: leastDelayedMs, begin: set(delay) },
    end: async ({ hive }) => void (await hive.client.setFault({ fault: "none" })),
  },
  { name: "the hive answers 500", ...fails, begin: set({ fault: "500", count: fails.times }) },
  { name: "the hive takes requests and never answers", ...fails, begin: set({ fault: "drop", count: fails.times }) },
  { name: "the hive has forgotten its workers", seenAs: "forgotten", times: 1, begin: set({ fault: "forget" }) },
  {
    name: "the hive exits, and restarts on the same port",
    seenAs: "failed",
    times: 1,
    begin: ({ hive }) => hive.daemon[Symbol.asyncDispose](),
    async end(scene) {
      scene.hive = await startHive(scene.stage, scene.hive.port);
    },
  },
];

async function checkOutage(
  scene: Scene,
  { seenAs, times, leastMs = 0, begin, end }: Outage,
  facts: Facts,
): Promise<void> {
  const { worker, bystander } = scene;
  const counted = async (): Promise<number> =>
    (await worker.metrics()).sum("waggle_heartbeats_total", { outcome: seenAs });
  const before = await counted();
  let elapsed = stopwatch();
  await begin(scene);
  // With a least time, only heartbeats since the outage count, and the time begins before they are counted.
  if (leastMs > 0) elapsed = stopwatch();
  const due = times + (leastMs > 0 ? await counted() : before);
  const noticed = async (): Promise<boolean> => (await counted()) >= due;
  await poll(`the worker to count ${due} heartbeats as ${seenAs}`, noticed, recoveryLimitMs);
  const noticedMs = elapsed();
  facts.number("noticed_ms", noticedMs);
  facts.expect(
    noticedMs >= leastMs,
    `${times} heartbeats took ${noticedMs.toFixed(0)} ms; they must take at least ${leastMs} ms`,
  );
  await bystander.checkUndisturbed(facts);
  await end?.(scene);
  await beats(scene.hive.client);
  facts.number("recovered_ms", elapsed());
  await bystander.checkUndisturbed(facts);
  facts.equal("readiness of the worker", (await worker.client.ready()).ready, true);
}

/** Resolves when the hive lists the worker as alive and has received two more of its heartbeats. */
async function beats(hive: HiveClient): Promise<void> {
  let first: number | undefined;
  await poll(
    "heartbeats at the hive",
    async () => {
      const known = (await hive.workers()).find(({ worker_id: id }) => id === workerId);
      if (known?.liveness !== "alive") return false;
      first ??= known.heartbeats;
      return known.heartbeats >= first + 2;
    },
    recoveryLimitMs,
  );
}

async function startHive(stage: Stage, port: string): Promise<Hive> {
  const daemon = await startDaemon(stage.groups, {
    name: "hive",
    flags: ["--faults", "--port", port, "--log-format", "json"],
  });
  const { url } = await daemon.line("listening");
  await stage.leftovers.observe([daemon.pid]);
  return { daemon, client: createHiveClient({ baseUrl: url }), port: new URL(url).port };
}
