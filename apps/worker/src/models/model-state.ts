// Owns the state of one model: which there are, what leads from one to the next, and who hears of it.
import type { ModelStateName } from "@waggle/protocol";

export type ModelTransition =
  /** Somebody needs it, and there is no room for it yet. */
  | "wait"
  /** Nobody needs it any more. */
  | "give_way"
  | "download"
  /** An engine begins to load it; also the next one, after the one before has died. */
  | "load"
  | "loaded"
  /** Its engine is to leave. */
  | "unload"
  | "unloaded"
  /** It cannot be loaded, or its engine is in a crash loop. */
  | "fail";

/** Pure. @throws Error on a pair that must not happen */
function modelTransition(state: ModelStateName, event: ModelTransition): ModelStateName {
  const next = successors[state][event];
  if (next === undefined) throw new Error(`Illegal model transition: ${event} while ${state}`);
  return next;
}

const fromRest = {
  wait: "waiting",
  download: "downloading",
  load: "loading",
  unload: "unloading",
  fail: "failed",
} as const;

const successors: Readonly<Record<ModelStateName, Readonly<Partial<Record<ModelTransition, ModelStateName>>>>> = {
  unloaded: fromRest,
  waiting: { ...fromRest, give_way: "unloaded" },
  downloading: { ...fromRest, give_way: "unloaded" },
  loading: { loaded: "ready", load: "loading", unload: "unloading", fail: "failed" },
  ready: { load: "loading", unload: "unloading", fail: "failed" },
  unloading: { unload: "unloading", unloaded: "unloaded", fail: "failed" },
  failed: { ...fromRest, load: "loading" },
};

export interface ModelState {
  readonly name: ModelStateName;
  /** Why it is failed, or for what it waits. */
  readonly reason: string | undefined;
  apply(event: ModelTransition, reason?: string): void;
  /** Called after every change. Returns how to stop hearing of it. */
  onChange(listener: (name: ModelStateName, was: ModelStateName) => void): () => void;
}

export function createModelState(): ModelState {
  let name: ModelStateName = "unloaded";
  let reason: string | undefined;
  const listeners = new Set<(name: ModelStateName, was: ModelStateName) => void>();
  return {
    get name() {
      return name;
    },
    get reason() {
      return reason;
    },
    apply(event, why) {
      const was = name;
      name = modelTransition(was, event);
      reason = why;
      for (const listener of listeners) listener(name, was);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
