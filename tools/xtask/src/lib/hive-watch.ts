// Owns what one worker does at the hive, as the hive's own event feed tells it.
import { deferred, type Deferred } from "@waggle/async";
import { createHiveClient } from "@waggle/client";
import type { Heartbeat, HiveWorker } from "@waggle/protocol";

/** The promises never reject: who awaits one brings a signal of their own. */
export interface HiveWatch {
  /** The feed is open; from here on nothing is missed. */
  readonly open: Promise<void>;
  readonly registered: Promise<HiveWorker>;
  readonly firstHeartbeat: Promise<Heartbeat>;
  readonly deregistered: Promise<void>;
  readonly heartbeats: number;
  /** Whether the worker has registered so far. */
  readonly sawRegistration: boolean;
}

/** Reads the feed until the signal aborts or the hive closes it. A feed that breaks is told to `onBroken`. */
export function watchHive(options: {
  readonly hiveUrl: string;
  readonly workerId: string;
  readonly signal: AbortSignal;
  readonly onBroken: (error: unknown) => void;
}): HiveWatch {
  const { workerId, signal } = options;
  const open: Deferred<void> = deferred();
  const registered: Deferred<HiveWorker> = deferred();
  const firstHeartbeat: Deferred<Heartbeat> = deferred();
  const deregistered: Deferred<void> = deferred();
  let heartbeats = 0;

  async function follow(): Promise<void> {
    for await (const event of createHiveClient({ baseUrl: options.hiveUrl }).events({ signal })) {
      switch (event.type) {
        case "snapshot":
          open.resolve();
          break;
        case "registered":
          if (event.worker.worker_id === workerId) registered.resolve(event.worker);
          break;
        case "heartbeat":
          if (event.heartbeat.worker_id !== workerId) break;
          heartbeats += 1;
          firstHeartbeat.resolve(event.heartbeat);
          break;
        case "deregistered":
          if (event.worker_id === workerId) deregistered.resolve();
          break;
        case "liveness":
        case "forgotten":
          break;
      }
    }
  }

  follow().catch((error: unknown) => {
    if (!signal.aborted) options.onBroken(error);
  });

  return {
    open: open.promise,
    registered: registered.promise,
    firstHeartbeat: firstHeartbeat.promise,
    deregistered: deregistered.promise,
    get heartbeats() {
      return heartbeats;
    },
    get sawRegistration() {
      return registered.settled;
    },
  };
}
