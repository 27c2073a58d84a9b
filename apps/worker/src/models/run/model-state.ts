// Owns the state of one model: the possible states, the legal changes between them, and listeners. What clients learn while the model loads
// follows from the state.
import { createListeners } from "@waggle/async";
import type { LoadingEvent, ModelStateName } from "@waggle/protocol";

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
  /** The state before the last change. */
  readonly was: ModelStateName;
  /** Why the model has failed, or what it waits for. */
  readonly reason: string | undefined;
  /** Share of the download or the load that is done, 0 to 1. */
  readonly progress: number;
  apply(event: ModelTransition, reason?: string): void;
  /** Sets the progress of the present state. Calls no listener. */
  advance(progress: number): void;
  /** Calls the listener after every change. Returns a function that removes the listener. */
  onChange(listener: (name: ModelStateName, was: ModelStateName) => void): () => void;
}

export function createModelState(): ModelState {
  let name: ModelStateName = "unloaded";
  let was: ModelStateName = "unloaded";
  let reason: string | undefined;
  let progress = 0;
  const listeners = createListeners<[name: ModelStateName, was: ModelStateName]>();
  return {
    get name() {
      return name;
    },
    get was() {
      return was;
    },
    get reason() {
      return reason;
    },
    get progress() {
      return progress;
    },
    apply(event, why) {
      const next = modelTransition(name, event);
      [was, name, reason, progress] = [name, next, why, 0];
      listeners.call(name, was);
    },
    advance(share) {
      progress = share;
    },
    onChange: listeners.add,
  };
}

/** The event for clients that watch the model `model` load. Undefined in states that do not change what these clients know. */
export function loadingEventOf({ name, reason, progress }: ModelState, model: string): LoadingEvent | undefined {
  switch (name) {
    case "downloading":
    case "loading":
      return { type: "loading", stage: name, progress };
    case "ready":
      return { type: "ready", model };
    case "failed":
      return { type: "failed", message: reason ?? `Cannot load model ${model}.` };
    case "unloaded":
    case "waiting":
    case "unloading":
      return undefined;
  }
}
