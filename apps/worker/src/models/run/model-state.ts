// Owns the state of one model: the possible states, the legal changes between them, and listeners.
import type { ModelStateName } from "@waggle/protocol";

export type ModelTransition =
  /** The model is requested, but there is no memory for it yet. */
  | "wait"
  /** No job or request needs the model any more. */
  | "give_way"
  | "download"
  /** An engine begins to load the model, for the first time or after the previous engine has died. */
  | "load"
  | "loaded"
  | "unload"
  | "unloaded"
  /** The model cannot be loaded, or its engine is in a crash loop. */
  | "fail";

/** Pure. @throws Error when the event is illegal in the state */
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
  /** Why the model has failed, or what it waits for. */
  readonly reason: string | undefined;
  apply(event: ModelTransition, reason?: string): void;
  /** Calls the listener after every change. Returns a function that removes the listener. */
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
