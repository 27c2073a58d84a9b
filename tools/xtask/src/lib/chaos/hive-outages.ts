// Owns the hive's outages: it refuses, delays, fails, drops, forgets, goes and comes back. No stream notices, and the worker is back by itself.
import { createHiveClient, type HiveClient } from "@waggle/client";
import type { Fault } from "@waggle/protocol";
import { sourceCommand, startDaemon, type Daemon } from "../daemons.ts";
import { killGroup } from "../process-group.ts";
import { startBystander, type Bystander } from "./bystander.ts";
import type { ChaosWorker } from "./chaos-worker.ts";
import type { Facts } from "./facts.ts";
import type { Stage } from "./stage.ts";
import { poll, stopwatch, waitFor } from "./waits.ts";

const workerId = "chaos-worker";
const heartbeatInterval = "100ms";
const hiveTimeout = "300ms";
/** Attempts that fail before the hive is sound again: with one, the next try follows at once; with more, the worker backs off. */
const failures = 1;
const failuresLong = 3;
/** Longer than the waits between the attempts of an outage, 0 + 2 + 4 s, and the time-outs of the attempts themselves. */
const recoveryLimitMs = 20_000;
const outageLimitMs = 2 * recoveryLimitMs;
const startLimitMs = 60_000;
const roundsLong = 5;

interface Hive {
  readonly daemon: Daemon;
  readonly client: HiveClient;
  readonly port: string;
}

export async function runHiveOutages(stage: Stage): Promise<void> {
  let hive = await startHive(stage, "0");
  try {
    const flags = `--hive-url http://127.0.0.1:${hive.port} --worker-id ${workerId} --hive-timeout ${hiveTimeout}`;
    const pace = `--heartbeat-interval ${heartbeatInterval} --fake-step-delay 10`;
    await using worker = await stage.startWorker(`${flags} ${pace} --context-size 65536 --replay-buffer 64MiB`);
    const bystander = await startBystander(stage, worker);
    await stage.check("the worker registers and sends heartbeats", async (facts) => {
      await beats(hive.client);
      facts.number("interval_ms", (await hive.client.worker(workerId)).interval_ms);
    });
    const scene = { worker, bystander, hive: () => hive.client };
    for (let round = 0; round < (stage.long ? roundsLong : 1); round += 1) {
      for (const outage of outagesOf(stage)) {
        await stage.check(outage.name, (facts) => checkOutage(scene, outage, facts), outageLimitMs);
      }
      const restart = async (): Promise<void> => {
        hive = await startHive(stage, hive.port);
      };
      const goAndComeBack = { gone: hive.daemon, restart };
      await stage.check(
        "the hive goes, and comes back on the same port",
        (facts) => checkRestart(scene, goAndComeBack, facts),
        outageLimitMs,
      );
    }
    await bystander.leave();
  } finally {
    killGroup(hive.daemon.group.pid);
  }
}

interface Outage {
  readonly name: string;
  readonly fault: Fault;
  /** What the worker counts because of it. */
  readonly seenAs: "failed" | "forgotten" | "ok";
  readonly times: number;
}

function outagesOf({ long }: Stage): readonly Outage[] {
  const count = long ? failuresLong : failures;
  return [
    { name: "the hive refuses connections", fault: { fault: "refuse", count }, seenAs: "failed", times: count },
    { name: "the hive is slow", fault: { fault: "delay", delay_ms: 150, count: 3 }, seenAs: "ok", times: 3 },
    { name: "the hive answers 500", fault: { fault: "500", count }, seenAs: "failed", times: count },
    {
      name: "the hive takes requests and never answers",
      fault: { fault: "drop", count },
      seenAs: "failed",
      times: count,
    },
    { name: "the hive has forgotten its workers", fault: { fault: "forget" }, seenAs: "forgotten", times: 1 },
  ];
}

interface Scene {
  readonly worker: ChaosWorker;
  readonly bystander: Bystander;
  /** The one that runs now. */
  readonly hive: () => HiveClient;
}

async function checkOutage(scene: Scene, { fault, seenAs, times }: Outage, facts: Facts): Promise<void> {
  const { worker, bystander, hive } = scene;
  const before = await heartbeats(worker, seenAs);
  const elapsed = stopwatch();
  await hive().setFault(fault);
  await counted(worker, seenAs, before + times);
  facts.number("noticed_ms", elapsed());
  await bystander.checkUndisturbed(facts);
  await beats(hive());
  facts.number("recovered_ms", elapsed());
  await bystander.checkUndisturbed(facts);
  facts.equal("whether the worker is ready", (await worker.client.ready()).ready, true);
}

interface GoAndComeBack {
  readonly gone: Daemon;
  readonly restart: () => Promise<void>;
}

async function checkRestart(scene: Scene, { gone, restart }: GoAndComeBack, facts: Facts): Promise<void> {
  const { worker, bystander, hive } = scene;
  const before = await heartbeats(worker, "failed");
  killGroup(gone.group.pid);
  await waitFor("the hive to be gone", gone.group.exited);
  await counted(worker, "failed", before + 1);
  await bystander.checkUndisturbed(facts);
  await restart();
  const elapsed = stopwatch();
  await beats(hive());
  facts.number("recovered_ms", elapsed());
  await bystander.checkUndisturbed(facts);
}

async function heartbeats(worker: ChaosWorker, outcome: Outage["seenAs"]): Promise<number> {
  return (await worker.metrics()).sum("waggle_heartbeats_total", { outcome });
}

/** Resolves when the worker has counted so many heartbeats with this outcome. */
async function counted(worker: ChaosWorker, outcome: Outage["seenAs"], due: number): Promise<void> {
  const look = async (): Promise<true | undefined> => ((await heartbeats(worker, outcome)) >= due ? true : undefined);
  await poll(`the worker to count ${due} heartbeats as ${outcome}`, look, recoveryLimitMs);
}

/** Resolves when the hive knows the worker and two more heartbeats of it have come. */
async function beats(hive: HiveClient): Promise<void> {
  let first: number | undefined;
  await poll(
    "heartbeats at the hive",
    async () => {
      const known = (await hive.workers().catch(() => [])).find(({ worker_id: id }) => id === workerId);
      if (known?.liveness !== "alive") return undefined;
      first ??= known.heartbeats;
      return known.heartbeats >= first + 2 ? true : undefined;
    },
    recoveryLimitMs,
  );
}

async function startHive(stage: Stage, port: string): Promise<Hive> {
  const command = [...sourceCommand("mock-hive"), "--port", port, "--log-format", "json"] as const;
  const daemon = await startDaemon(stage.groups, { name: "hive", command, env: stage.env });
  const { url } = await waitFor("the hive's port", daemon.listening, startLimitMs);
  await stage.leftovers.observe([daemon.group.pid]);
  return { daemon, client: createHiveClient({ baseUrl: url }), port: new URL(url).port };
}
