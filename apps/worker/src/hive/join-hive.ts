// Connects the worker to its hive, and decides which of the hive's commands the worker obeys.
import { createHiveClient } from "@waggle/client";
import { isLoopback } from "@waggle/daemon";
import type { HiveCommand } from "@waggle/protocol";
import type { Logger, WorkerMetrics } from "@waggle/telemetry";
import type { WorkerConfig } from "../config.ts";
import type { Report } from "../report/report.ts";
import { startReporter } from "./reporter.ts";
import type { Reporter } from "./reporter.ts";

export interface JoinHiveOptions {
  readonly config: Pick<WorkerConfig, "hiveUrl" | "hiveToken" | "hiveTimeoutMs" | "heartbeatIntervalMs" | "workerId">;
  readonly report: Pick<Report, "registration" | "heartbeats">;
  readonly log: Logger;
  readonly metrics: Pick<WorkerMetrics, "heartbeats">;
  /** The hive's operator asks the worker to finish its running jobs and exit. */
  readonly onDrain: () => void;
}

/** Undefined when no hive is configured. */
export function joinHive({ config, report, log, metrics, onDrain }: JoinHiveOptions): Reporter | undefined {
  const { hiveUrl, hiveToken, workerId } = config;
  if (hiveUrl === undefined) return undefined;
  const obeyed = commandsObeyed(hiveUrl, hiveToken);
  const obeys = obeyed.length === 0 ? {} : { obeys: [...obeyed] };
  const heartbeat = report.heartbeats();
  return startReporter({
    hive: createHiveClient({ baseUrl: hiveUrl, requestTimeoutMs: config.hiveTimeoutMs, token: hiveToken }),
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
}

/**
 * If a hive on another machine needs no token, any client there can send requests to the hive. The worker reports to such a hive,
 * but obeys none of its commands.
 */
export function commandsObeyed(hiveUrl: string, token: string | undefined): readonly HiveCommand[] {
  const host = new URL(hiveUrl).hostname.replace(/^\[(.*)\]$/, "$1");
  return token !== undefined || isLoopback(host) ? ["drain"] : [];
}
