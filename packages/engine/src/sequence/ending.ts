// Makes the last events of a job.
import type { StoppedBy } from "@waggle/protocol";
import type { JobEvent, JobFailure } from "../port/messages.ts";
import type { Decision } from "../decide/decision.ts";
import type { Sequence } from "./sequence.ts";

/** How a job ends. */
export type Ending =
  | { readonly kind: "finished"; readonly by: StoppedBy }
  /** `atPass`: number of forward passes that had ended when the cancel arrived. `yields`: the job continues later. */
  | { readonly kind: "cancelled"; readonly atPass: number; readonly yields?: boolean | undefined }
  | { readonly kind: "failed"; readonly failure: JobFailure }
  /** The slot was lent to the job, which continues in its own slot. */
  | { readonly kind: "returned" };

/** Makes the text that was held back, unless the job continues later, and then the terminal event. @param passes number of forward passes that have ended */
export function endingEvents(sequence: Sequence | Decision, ending: Ending, passes: number, atMs: number): JobEvent[] {
  if (ending.kind === "returned") return [];
  const yields = ending.kind === "cancelled" && ending.yields === true;
  const heldBack = sequence.kind === "answer" && !yields ? sequence.flush(atMs) : [];
  return [...heldBack, terminalEvent(sequence, ending, passes, atMs)];
}

function terminalEvent(
  sequence: Sequence | Decision,
  ending: Exclude<Ending, { kind: "returned" }>,
  passes: number,
  atMs: number,
): JobEvent {
  const { jobId } = sequence;
  switch (ending.kind) {
    case "finished": {
      const { by } = ending;
      const stopString = sequence.kind === "answer" ? sequence.stopString : undefined;
      const stopped = by === "stop_string" && stopString !== undefined ? { stopString } : {};
      return { type: "finished", jobId, by, ...stopped, ...sequence.totals(atMs) };
    }
    case "cancelled":
      return { type: "cancelled", jobId, steps: passes - ending.atPass, ...sequence.totals(atMs) };
    case "failed":
      return { type: "failed", jobId, ...ending.failure };
  }
}
