// Owns the status page's texts for a job's state. Pure.
import type { ListedJob } from "@waggle/protocol";

const states: Readonly<Record<ListedJob["state"], string>> = {
  queued: "waiting",
  prefill: "reading the prompt",
  decode: "answering",
  calling: "calling a tool",
};

export function jobStateWords({ state, position, call }: Pick<ListedJob, "state" | "position" | "call">): string {
  if (state === "calling" && call !== undefined) {
    return `${call.state === "running" ? "calling" : "asking for consent to"} ${call.server}/${call.tool}`;
  }
  return state === "queued" && position > 0
    ? `waiting, ${position === 1 ? "next" : `number ${position}`}`
    : states[state];
}
