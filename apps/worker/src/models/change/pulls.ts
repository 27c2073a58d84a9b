// Owns the running downloads. Clients with the same request share one. It continues when they leave, unless all release it. Decision 115.
import { createConflatedChannel } from "@waggle/async";
import type { ModelChange, ModelPull } from "@waggle/front";
import { defaultModelName, pullModel, shownReference } from "@waggle/models/download";
import type { PulledModel, PullOptions, PullProgress } from "@waggle/models/download";
import { WaggleError } from "@waggle/protocol";
import type { Download, ModelEvent, ModelStatus } from "@waggle/protocol";

/** Maximum number of downloads at the same time. */
const mostPulls = 4;
/** Least time between two progress events of a stage. */
const tellIntervalMs = 200;
/** Maximum number of ended downloads in the list; a later one replaces the oldest. */
const mostEnded = 32;

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
  /** Downloads that run, failed or are done, oldest first, one for each reference. A stopped download is not in this list. */
  list(): readonly OwnDownload[];
  /** Stops the downloads of a reference. Resolves when nothing is written any more; false if no such download was running. */
  cancel(reference: string): Promise<boolean>;
  /** Removes an ended download from the list; false if there is no such download. */
  forget(reference: string): boolean;
  /** Stops all downloads; resolves when nothing is written any more. */
  stop(): Promise<void>;
}

export type OwnDownload = Download & { readonly reference: string };

interface Pull {
  readonly reference: string;
  readonly name: string;
  readonly change: ModelChange;
  readonly stop: AbortController;
  readonly over: Promise<void>;
  waiting: number;
  /** The last progress, which may be newer than the last event. */
  progress: PullProgress | undefined;
}

export function createPulls({ pull: settings, now, requireFree, onPulled }: PullsOptions): Pulls {
  /**
   * Downloads that a client can join. Requests for a reference under different names do not share a download: the first request downloads the file, and the
   * others wait. When its last client leaves, or a client stops it, a download is removed from this map at once, before it has stopped.
   */
  const pulls = new Map<string, Pull>();
  const running = new Set<Pull>();
  /** By reference without credentials. */
  const ended = new Map<string, OwnDownload>();

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
      pull.progress = progress;
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
    const shown = shownReference(reference);
    const finish = (
      event: ModelEvent,
      download: Partial<Pick<Download, "name" | "state" | "reason">> | undefined,
    ): void => {
      leave(key, pull);
      running.delete(pull);
      if (download !== undefined) end({ reference: shown, name: pull.name, state: "done", ...download });
      change.set(event);
    };
    const over = fetched()
      .then((model) => finish({ type: "done", model }, { name: model.name }))
      .catch((thrown: unknown) => {
        const event = errorEvent(reference, thrown, stop.signal);
        finish(event, stop.signal.aborted ? undefined : { state: "failed", reason: event.message });
      });
    const pull: Pull = {
      reference: shown,
      name: name ?? likelyName(shown),
      change,
      stop,
      over,
      waiting: 0,
      progress: undefined,
    };
    pulls.set(key, pull);
    running.add(pull);
    ended.delete(shown);
    return pull;
  }

  function end(download: OwnDownload): void {
    ended.delete(download.reference);
    ended.set(download.reference, download);
    const [oldest] = ended.keys();
    if (ended.size > mostEnded && oldest !== undefined) ended.delete(oldest);
  }

  function leave(key: string, pull: Pull): void {
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
          leave(key, pull);
          pull.stop.abort();
        },
      };
    },
    list() {
      const own = new Map(ended);
      for (const pull of running) own.set(pull.reference, runningDownload(pull));
      return [...own.values()];
    },
    async cancel(reference) {
      const shown = shownReference(reference);
      const all = [...running].filter((pull) => pull.reference === shown);
      // A later request must not join a download that is ending.
      for (const [key, pull] of pulls) if (pull.reference === shown) pulls.delete(key);
      for (const { stop } of all) stop.abort();
      await Promise.all(all.map(({ over }) => over));
      return all.length > 0;
    },
    forget: (reference) => ended.delete(shownReference(reference)),
    async stop() {
      const all = [...running];
      for (const { stop } of all) stop.abort();
      await Promise.all(all.map(({ over }) => over));
    },
  };
}

/** The name that the model will get, unless another model has it. */
function likelyName(reference: string): string {
  try {
    return defaultModelName(reference);
  } catch {
    // A malformed reference ends with an error that says so.
    return reference;
  }
}

function runningDownload({ reference, name, progress }: Pull): OwnDownload {
  if (progress === undefined) return { reference, name, state: "running", stage: "asking" };
  const { type: _, ...fields } = progressEvent(progress);
  return { reference, name, state: "running", ...fields };
}

function progressEvent(progress: PullProgress): Extract<ModelEvent, { type: "progress" }> {
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

function errorEvent(reference: string, thrown: unknown, signal: AbortSignal): Extract<ModelEvent, { type: "error" }> {
  const stopped = new WaggleError("cancelled", `The download of ${reference} was stopped; it can be continued.`);
  const { code, message, retryable } = signal.aborted ? stopped : WaggleError.from(thrown);
  return { type: "error", code, message, retryable };
}
