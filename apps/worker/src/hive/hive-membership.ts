// Connects the worker to its hive, and decides which of the hive's commands the worker obeys.
import { createHiveClient } from "@waggle/client";
import { isLoopback } from "@waggle/daemon";
import type { HiveCommand } from "@waggle/protocol";
import type { Logger, WorkerMetrics } from "@waggle/telemetry";
import type { WorkerConfig } from "../config.ts";
import type { Worker } from "../worker.ts";
import { startReporter } from "./reporter.ts";
import type { Reporter } from "./reporter.ts";

/** Longest wait for an answer of the hive. */
const requestTimeoutMs = 5_000;

/** Does nothing until it has joined, nor if no hive is configured. */
export interface HiveMembership {
  /** @param onDrain the hive's operator asks the worker to finish its running jobs and exit */
  join(worker: Pick<Worker, "report" | "state">, onDrain: () => void): void;
  /** Tries to deregister at the hive, then stops. */
  leave(): Promise<void>;
}

export interface HiveMembershipOptions {
  readonly config: Pick<WorkerConfig, "hiveUrl" | "hiveToken" | "heartbeatIntervalMs" | "workerId">;
  readonly log: Logger;
  readonly metrics: Pick<WorkerMetrics, "heartbeats">;
}

export function createHiveMembership({ config, log, metrics }: HiveMembershipOptions): HiveMembership {
  let reporter: Reporter | undefined;
  return {
    join({ report, state }, onDrain) {
      const { hiveUrl, hiveToken, workerId } = config;
      if (hiveUrl === undefined) return;
      const obeyed = commandsObeyed(hiveUrl, hiveToken);
      const obeys = obeyed.length === 0 ? {} : { obeys: [...obeyed] };
      const heartbeat = report.heartbeats();
      reporter = startReporter({
        hive: createHiveClient({ baseUrl: hiveUrl, requestTimeoutMs, token: hiveToken }),
        workerId,
        intervalMs: config.heartbeatIntervalMs,
        log,
        registration: () => ({ ...report.registration(), ...obeys }),
        heartbeat: (seq) => ({ ...heartbeat(seq), ...obeys }),
        onHeartbeat: (outcome) => metrics.heartbeats.inc({ outcome }),
        onCommand(command) {
          if (!obeyed.includes(command)) {
            log.warn(
              { worker: workerId, command, reason: "this worker sends no token to the hive" },
              "hive_command_ignored",
            );
            return;
          }
          log.info({ worker: workerId, command }, "hive_command");
          onDrain();
        },
      });
      state.onChange(reporter.changed);
    },
    leave: async () => await reporter?.leave(),
  };
}

/**
 * If a hive on another machine needs no token, any client there can send requests to the hive. The worker reports to such a hive,
 * but obeys none of its commands.
 */
export function commandsObeyed(hiveUrl: string, token: string | undefined): readonly HiveCommand[] {
  const host = new URL(hiveUrl).hostname.replace(/^\[(.*)\]$/, "$1");
  return token !== undefined || isLoopback(host) ? ["drain"] : [];
}
