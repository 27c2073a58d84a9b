// Owns the worker's state, which follows from the states of its models and from whether the worker is leaving.
import { createListeners } from "@waggle/async";
import type { WorkerStateName } from "@waggle/protocol";
import type { ModelHost } from "../models/run/model-host-port.ts";

export interface WorkerFacts {
  /** `serving`: the port is open, and models may load. */
  readonly phase: "starting" | "serving" | "leaving" | "stopped";
  /** Whether a model that must load at the start has neither loaded nor failed yet. */
  readonly isAwaiting: boolean;
  /** The only model, if it must load at the start: the worker then needs this model. */
  readonly sole: Pick<ModelHost, "state"> | undefined;
  /** Why the only model could not be loaded, or that its engine was in a crash loop. Probes see it until the model is loaded again. */
  readonly failure: string | undefined;
}

interface Named {
  readonly name: WorkerStateName;
  /** Why the worker is not ready; undefined when it is. */
  readonly reason: string | undefined;
}

/** Pure. */
export function workerStateOf({ phase, isAwaiting, sole, failure }: WorkerFacts): Named {
  switch (phase) {
    case "starting":
    case "stopped":
      return { name: phase, reason: phase };
    case "leaving":
      // The engine may become ready, die or give up while the last streams end; the worker keeps draining.
      return { name: "draining", reason: "the worker is leaving" };
    case "serving":
      if (failure !== undefined) return { name: "failed", reason: failure };
      // A model that loads again for a request keeps the worker ready: the request waits.
      if (sole?.state.name === "loading" && sole.state.was === "ready") {
        return { name: "loading", reason: sole.state.reason };
      }
      return isAwaiting ? { name: "loading", reason: "the model is loading" } : { name: "ready", reason: undefined };
  }
}

export interface WorkerState extends Named {
  /** Call after a change of the facts. */
  update(facts: WorkerFacts): void;
  /** Calls the listener after every change of the name or the reason. Returns a function that removes the listener. */
  onChange(listener: (name: WorkerStateName, was: WorkerStateName) => void): () => void;
}

export function createWorkerState(): WorkerState {
  let now: Named = { name: "starting", reason: "starting" };
  const listeners = createListeners<[name: WorkerStateName, was: WorkerStateName]>();
  return {
    get name() {
      return now.name;
    },
    get reason() {
      return now.reason;
    },
    update(facts) {
      const was = now;
      now = workerStateOf(facts);
      if (now.name !== was.name || now.reason !== was.reason) listeners.call(now.name, was.name);
    },
    onChange: listeners.add,
  };
}
