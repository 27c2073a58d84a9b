// Owns the worker's state: the possible states, the legal changes between them, and listeners.
import type { WorkerStateName } from "@waggle/protocol";

export type WorkerEvent =
  /** The port is open, and models begin to load. */
  | "listening"
  | "loaded"
  /** The engine died; another engine is starting. */
  | "engine_lost"
  /** The first load failed, or the engine is in a crash loop. */
  | "gave_up"
  | "drain"
  | "stopped";

/** Pure. @throws Error when the event is illegal in the state */
export function transition(state: WorkerStateName, event: WorkerEvent): WorkerStateName {
  const next = successor(state, event);
  if (next === undefined) throw new Error(`Illegal worker transition: ${event} while ${state}`);
  return next;
}

function successor(state: WorkerStateName, event: WorkerEvent): WorkerStateName | undefined {
  if (event === "stopped") return "stopped";
  switch (state) {
    case "starting":
      return event === "listening" ? "loading" : event === "drain" ? "draining" : undefined;
    case "loading":
      if (event === "engine_lost") return "loading";
      return event === "loaded" ? "ready" : event === "gave_up" ? "failed" : event === "drain" ? "draining" : undefined;
    case "ready":
      if (event === "gave_up") return "failed";
      return event === "engine_lost" ? "loading" : event === "drain" ? "draining" : undefined;
    case "draining":
      // The engine may become ready, die or give up while the last streams end; the worker keeps draining.
      return "draining";
    case "failed":
      return event === "drain" ? "draining" : event === "engine_lost" ? "failed" : undefined;
    case "stopped":
      return "stopped";
  }
}

export interface WorkerState {
  readonly name: WorkerStateName;
  /** Why the worker is not ready; undefined when it is. */
  readonly reason: string | undefined;
  apply(event: WorkerEvent, reason?: string): void;
  /** Calls the listener after every `apply`, even if only the reason changed. Returns a function that removes the listener. */
  onChange(listener: (name: WorkerStateName, was: WorkerStateName) => void): () => void;
}

export function createWorkerState(): WorkerState {
  let name: WorkerStateName = "starting";
  let reason: string | undefined = "starting";
  const listeners = new Set<(name: WorkerStateName, was: WorkerStateName) => void>();
  return {
    get name() {
      return name;
    },
    get reason() {
      return reason;
    },
    apply(event, why) {
      const was = name;
      name = transition(was, event);
      reason = name === "ready" ? undefined : (why ?? (name === was ? reason : name));
      for (const listener of listeners) listener(name, was);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
