// Owns the words for states and ends, which the command line and the pages share. Pure.
import type { ListedJob } from "./native/jobs.ts";
import type { ModelStateName } from "./native/models.ts";
import type { SlotStateName, WorkerStateName } from "./native/worker.ts";

export const modelStateWords: Readonly<Record<ModelStateName, string>> = {
  unloaded: "not loaded",
  waiting: "waiting",
  downloading: "downloading",
  loading: "loading",
  ready: "ready",
  unloading: "unloading",
  failed: "failed",
};

export const workerStateWords: Readonly<Record<WorkerStateName, string>> = {
  starting: "starting",
  loading: "loading",
  ready: "ready",
  disconnected: "no connection to NATS",
  draining: "draining",
  stopped: "stopped",
  failed: "failed",
};

/** A slot reads and writes, like the job in it. */
export const slotStateWords: Readonly<Record<SlotStateName, string>> = {
  idle: "idle",
  prefilling: "reading",
  decoding: "writing",
  parked: "parked",
  releasing: "releasing",
};

const jobStates: Readonly<Record<ListedJob["state"], string>> = {
  queued: "waiting",
  prefill: "reading",
  decode: "writing",
  calling: "calling a tool",
};

export function jobStateWords({ state, position, call }: Pick<ListedJob, "state" | "position" | "call">): string {
  if (state === "calling" && call !== undefined) {
    return `${call.state === "running" ? "calling" : "asking for consent to"} ${call.server}/${call.tool}`;
  }
  // A job in a fleet's queue has no position.
  return state === "queued" && position > 0
    ? `waiting, ${position === 1 ? "next" : `number ${position}`}`
    : jobStates[state];
}

const endReasons: Readonly<Record<string, string>> = {
  stop: "finished",
  length: "token limit",
  client: "cancelled by client",
  operator: "cancelled by operator",
  superseded: "superseded",
  disconnect: "disconnected",
  unclaimed: "not read in time",
  deadline_exceeded: "deadline passed",
  engine_failed: "engine failed",
  internal: "internal error",
  invalid_argument: "invalid request",
  resource_exhausted: "no room",
};

/** @param reason a finish reason, an error code, or what cancelled the job */
export function endReasonWords(reason: string): string {
  return Object.hasOwn(endReasons, reason) ? (endReasons[reason] ?? reason) : reason.replaceAll("_", " ");
}
