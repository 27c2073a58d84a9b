// Owns the status page's texts for a job's state. Pure.
import type { ListedJob } from "@waggle/protocol";

const states: Readonly<Record<ListedJob["state"], string>> = {
  queued: "waiting",
  prefill: "reading the prompt",
  decode: "answering",
};

export function jobStateWords({ state, position }: Pick<ListedJob, "state" | "position">): string {
  return state === "queued" && position > 0
    ? `waiting, ${position === 1 ? "next" : `number ${position}`}`
    : states[state];
}
