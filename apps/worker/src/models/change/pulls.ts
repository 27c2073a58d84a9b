// Owns the running downloads. A second client with the same request joins the download. When its last client leaves, the download stops,
// and can be resumed later.
import { createConflatedChannel } from "@waggle/async";
import type { ModelChange, ModelPull } from "@waggle/front";
import { pullModel } from "@waggle/models/download";
import type { PulledModel, PullOptions, PullProgress } from "@waggle/models/download";
import { WaggleError } from "@waggle/protocol";
import type { ModelEvent, ModelStatus } from "@waggle/protocol";

/** Maximum number of downloads at the same time. */
const mostPulls = 4;
/** Least time between two progress events of a stage. */
const tellIntervalMs = 200;

export interface PullsOptions {
  /** `offline`: downloads are refused. `projector`: projectors are downloaded unless a request says otherwise. */
  readonly pull: Omit<PullOptions, "signal" | "onProgress" | "projector"> & {
    readonly offline: boolean;
    readonly projector: boolean;
  };
  readonly now: () => number;
  /** Called before the download. @throws WaggleError conflict when another model has the name */
  readonly requireFree: (reference: string, name: string) => Promise<void>;
  /** Serves the downloaded model, and returns its status. @throws WaggleError conflict when its name is taken */
  readonly onPulled: (pulled: PulledModel, name: string | undefined) => Promise<ModelStatus>;
}

export interface Pulls {
  /** @throws WaggleError unavailable when offline, resource_exhausted when too many downloads are under way */
  join(reference: string, name: string | undefined, projector?: boolean): ModelPull;
  /** Stops all downloads; resolves when nothing is written any more. */
  stop(): Promise<void>;
}

interface Pull {
  readonly change: ModelChange;
  readonly stop: AbortController;
  readonly over: Promise<void>;
  waiting: number;
}

export function createPulls({ pull: settings, now, requireFree, onPulled }: PullsOptions): Pulls {
  /**
   * Downloads that a client can join. Requests for a reference under different names do not share a download: the first request downloads the file, and the
   * others wait. When its last client leaves, a download is removed from this map at once, before it has stopped.
   */
  const pulls = new Map<string, Pull>();
  const running = new Set<Pull>();

  function begin(key: string, reference: string, name: string | undefined, projector: boolean): Pull {
    if (settings.offline) throw new WaggleError("unavailable", `Cannot download ${reference}: the worker is offline.`);
    if (running.size >= mostPulls) {
      throw new WaggleError("resource_exhausted", `Cannot download ${reference}: ${mostPulls} others are under way.`, {
        retryAfterS: 10,
      });
    }
    const change = createConflatedChannel<ModelEvent>({ type: "progress", stage: "asking" });
    const stop = new AbortController();
    let toldAt = -Infinity;
    let toldStage = "";
    const onProgress = (progress: PullProgress): void => {
      if (now() - toldAt < tellIntervalMs && progress.stage === toldStage) return;
      toldAt = now();
      toldStage = progress.stage;
      change.set(progressEvent(progress));
    };
    const fetched = async (): Promise<ModelStatus> => {
      if (name !== undefined) await requireFree(reference, name);
      const how = { ...settings, projector, signal: stop.signal, onProgress };
      return await onPulled(await pullModel(reference, how), name);
    };
    const over = fetched()
      .then((model) => change.set({ type: "done", model }))
      .catch((thrown: unknown) => change.set(errorEvent(reference, thrown, stop.signal)));
    const pull: Pull = { change, stop, over, waiting: 0 };
    pulls.set(key, pull);
    running.add(pull);
    void over.then(() => {
      forget(key, pull);
      running.delete(pull);
    });
    return pull;
  }

  function forget(key: string, pull: Pull): void {
    if (pulls.get(key) === pull) pulls.delete(key);
  }

  return {
    join(reference, name, asked = true) {
      const projector = asked && settings.projector;
      const key = JSON.stringify([reference, name, projector]);
      const pull = pulls.get(key) ?? begin(key, reference, name, projector);
      pull.waiting += 1;
      let released = false;
      return {
        change: pull.change,
        release() {
          if (released) return;
          released = true;
          pull.waiting -= 1;
          if (pull.waiting > 0) return;
          forget(key, pull);
          pull.stop.abort();
        },
      };
    },
    async stop() {
      const all = [...running];
      for (const { stop } of all) stop.abort();
      await Promise.all(all.map(({ over }) => over));
    },
  };
}

function progressEvent(progress: PullProgress): ModelEvent {
  const { stage, doneBytes, totalBytes, checkedBytes, bytesPerSecond, etaMs, part, parts } = progress;
  const done = stage === "checking" ? checkedBytes : doneBytes;
  return {
    type: "progress",
    stage,
    done_bytes: done,
    ...(totalBytes === undefined
      ? {}
      : { total_bytes: totalBytes, progress: Math.min(1, doneBytes / Math.max(1, totalBytes)) }),
    ...(bytesPerSecond === undefined ? {} : { bytes_per_second: bytesPerSecond }),
    ...(etaMs === undefined ? {} : { eta_ms: etaMs }),
    ...(parts > 1 ? { part, parts } : {}),
  };
}

function errorEvent(reference: string, thrown: unknown, signal: AbortSignal): ModelEvent {
  const stopped = new WaggleError("cancelled", `The download of ${reference} was stopped; it can be resumed.`);
  const { code, message, retryable } = signal.aborted ? stopped : WaggleError.from(thrown);
  return { type: "error", code, message, retryable };
}
