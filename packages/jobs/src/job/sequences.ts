// Reads and changes the sequences of a job's state: which have a slot, which wait for one, and their counts together.
import type { JobEvent } from "@waggle/engine";
import type { JobCounts, JobState, SequenceState } from "./job.ts";

/** The uids of the sequences that the engine holds. */
export function heldIn({ sequences }: JobState): readonly string[] {
  return sequences.filter(({ held }) => held).map(({ uid }) => uid);
}

/** The uids of the sequences that the engine holds and was not asked to release. */
export function stayingIn({ sequences }: JobState): readonly string[] {
  return sequences.filter(({ held, yields }) => held && !yields).map(({ uid }) => uid);
}

/** The uids of the sequences that wait for a slot. A sequence that finished under an earlier engine does not run again. */
export function waitingIn({ sequences }: JobState): readonly string[] {
  return sequences.flatMap(({ uid, held, stoppedBy }) => (held || stoppedBy !== undefined ? [] : [uid]));
}

export function withSequence(state: JobState, uid: string, change: Partial<SequenceState>): readonly SequenceState[] {
  return changeAll(state, [uid], change);
}

export function changeAll(
  { sequences }: JobState,
  uids: readonly string[],
  change: Partial<SequenceState>,
): readonly SequenceState[] {
  return sequences.map((sequence) => (uids.includes(sequence.uid) ? { ...sequence, ...change } : sequence));
}

/** Sums up the sequences' counts; returns the worker's counts if an engine died before sending a sequence's counts. */
export function totalsOf({ sequences, counts, resumptions }: JobState): JobCounts {
  const known = sequences.flatMap((sequence) => (sequence.counts === undefined ? [] : [sequence.counts]));
  const [first] = known;
  if (first === undefined || known.length < sequences.length) return counts;
  const completionTokens = known.reduce((sum, part) => sum + part.completionTokens, 0);
  const tokens = { completionTokens, ...guessesOf(known) };
  // An engine counts the tokens of earlier engines but does not know their times, so take the times from the worker's counts.
  if (resumptions > 0) return { ...counts, ...tokens };
  if (sequences.length === 1) return first;
  // The times of the choices overlap, so they cannot be added.
  return { ...counts, promptTokens: first.promptTokens, cachedTokens: first.cachedTokens, ...tokens };
}

export function countsOf(event: Extract<JobEvent, { type: "finished" | "cancelled" }>): JobCounts {
  const { promptTokens, cachedTokens, completionTokens, prefillMs, decodeMs } = event;
  return { promptTokens, cachedTokens, completionTokens, prefillMs, decodeMs, ...guessesOf([event]) };
}

type Guesses = Pick<JobCounts, "guessedTokens" | "rightGuesses">;

/** Sums up the guesses; empty without guesses. An engine does not know the guesses of earlier engines. */
function guessesOf(parts: readonly Guesses[]): Guesses {
  const guessedTokens = parts.reduce((sum, part) => sum + (part.guessedTokens ?? 0), 0);
  if (guessedTokens === 0) return {};
  return { guessedTokens, rightGuesses: parts.reduce((sum, part) => sum + (part.rightGuesses ?? 0), 0) };
}
