// Owns what an engine's words about a job are to the job's reducer. Pure.
import type { JobEvent as EngineJobEvent } from "@waggle/engine";
import type { JobEvent } from "./reduce.ts";

/** @param at the daemon clock's, in ms */
export function jobEventOf(event: EngineJobEvent, { model, at }: { readonly model: string; at: number }): JobEvent {
  switch (event.type) {
    case "started":
      return { type: "started", event, model, at };
    case "progress":
      return { type: "progress", event };
    case "token":
      return { type: "token", event, at };
    case "prompt_logprobs":
    case "embedding":
      return { type: "computed", event };
    case "finished":
    case "cancelled":
    case "failed":
      return { type: "released", event, at };
  }
}
