// Owns what a job has said, as the next engine needs it to go on from there.
import type { SaidTokens, Token } from "@waggle/engine";
import type { Job } from "./job.ts";

/** Of one choice so far: a copy, which grows no more. */
export function saidBy({ said }: Pick<Job, "said">, choice: number): SaidTokens {
  const { ids = [], events = 0 } = said[choice] ?? {};
  return { ids: [...ids], events };
}

/** One more token event has told of these. */
export function noteSaid({ said }: Pick<Job, "said">, told: { choice: number; ids: readonly Token[] }): void {
  const soFar = said[told.choice];
  if (soFar === undefined) return;
  soFar.events += 1;
  for (const id of told.ids) soFar.ids.push(id);
}
