// Makes the lane of batches of a daemon. Each daemon of a user has a folder under its name, so that two of them do not need the same lock.
import { join } from "node:path";
import type { Clock } from "@waggle/async";
import { createLane, type DaemonLane } from "@waggle/jobs";
import type { Logger, WorkerMetrics } from "@waggle/telemetry";
import type { DaemonConfig } from "../settings/read-config.ts";
import { takeLock } from "./folder-lock.ts";

export interface DaemonLaneOptions {
  readonly config: Pick<DaemonConfig, "instance" | "hasLastingId"> & {
    readonly batchDir: string;
    readonly maxBatchWindowMs: number;
    readonly maxBodyBytes: number;
    readonly clientQueueShare: number;
  };
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: WorkerMetrics;
  /** Time after the start in which models may be unknown that are served. */
  readonly modelsKnownAfterMs?: number;
}

export function createDaemonLane({ config, ...options }: DaemonLaneOptions): DaemonLane {
  return createLane({
    ...options,
    folder: join(config.batchDir, config.instance.replaceAll(/^\.+|[^A-Za-z0-9._-]/g, "_")),
    // The next start has another name, and would not find the folder.
    isKept: config.hasLastingId,
    maxWindowMs: config.maxBatchWindowMs,
    maxLineBytes: config.maxBodyBytes,
    now: () => Date.now(),
    lock: takeLock,
    limits: { clientShare: config.clientQueueShare },
  });
}
