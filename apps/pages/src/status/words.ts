// Owns the status page's texts for a job's state and for the pieces of prompts. Pure.
import type { ListedJob, WorkerInfo } from "@waggle/protocol";
import { formatCounted, formatMilliseconds } from "../parts/format.ts";

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

/** A sentence about the pieces of a prompt behind 1,000 tokens, and about the attention. */
export function pieceWords({
  prompt_pieces: pieces = [],
  settings,
}: Pick<WorkerInfo, "prompt_pieces" | "settings">): string | undefined {
  const piece = pieces.find(({ context }) => context >= 1_000);
  if (piece === undefined) return undefined;
  const { context, tokens, step_ms: ms } = piece;
  const hasFlash = settings?.flash_attention;
  const attention = hasFlash === undefined ? "" : `, ${hasFlash ? "with" : "without"} flash attention`;
  return `While a stream runs, a prompt behind ${formatCounted(context, "token")} is read in pieces of ${formatCounted(tokens, "token")}, ${formatMilliseconds(ms)} each${attention}.`;
}
