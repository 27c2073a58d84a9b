// Reads a turn's steps, calls and results from its lines, and fits results into their room.
import { failedOutcome, wellFormed } from "../connection/call-outcome.ts";
import type { CallOutcome } from "../connection/call-outcome.ts";
import { recordIn } from "./records.ts";
import type { RecordedOutcome, RecordedStep } from "./records.ts";

export interface TurnState {
  readonly steps: RecordedStep[];
  readonly sent: Set<string>;
  readonly outcomes: Map<string, CallOutcome>;
  /** Calls that were sent now, and have no result yet. */
  readonly awaited: Set<string>;
}

/** A call without a result was sent by an earlier process, or by an earlier try of the turn. */
export function stateIn(text: string): TurnState {
  const state: TurnState = { steps: [], sent: new Set(), outcomes: new Map(), awaited: new Set() };
  for (const line of text.split("\n")) {
    const record = recordIn(line);
    if (record?.kind === "step") state.steps[record.index] = record.message;
    if (record?.kind === "call") state.sent.add(record.call);
    if (record?.kind === "result") state.outcomes.set(record.call, record.outcome);
  }
  for (const call of state.sent) {
    if (state.outcomes.has(call)) continue;
    const why = "The daemon was restarted before the result of the call came.";
    state.outcomes.set(call, failedOutcome("unknown", why));
  }
  return state;
}

/**
 * The outcome as it is recorded. If it has no room, its pictures are left out, then the end of its text, with a note of this.
 * @param hasRoom whether the journal has room for so many bytes @param atLeast bytes for which it always has room
 */
export function fittingOutcome(
  whole: RecordedOutcome,
  { hasRoom, atLeast }: { hasRoom(bytes: number): boolean; readonly atLeast: number },
): RecordedOutcome {
  const { pictures, ...plain } = whole;
  const note =
    pictures === undefined ? "" : "\n[The pictures are left out: the journal of calls has no room for them.]";
  const choices = pictures === undefined ? [plain] : [whole, { ...plain, text: plain.text + note }];
  const chosen = choices.find((outcome) => hasRoom(outcomeBytes(outcome)));
  return chosen ?? cutOutcome(plain, note, atLeast);
}

function cutOutcome(whole: RecordedOutcome, more: string, mostBytes: number): RecordedOutcome {
  let { length } = whole.text;
  for (;;) {
    const note = `\n[The last ${whole.text.length - length} characters are left out: the journal of calls has no room for them.]`;
    const outcome = { ...whole, text: wellFormed(whole.text.slice(0, length)) + note + more };
    const bytes = outcomeBytes(outcome);
    if (bytes <= mostBytes || length === 0) return outcome;
    length = Math.floor(length * Math.min(mostBytes / bytes, 0.9));
  }
}

function outcomeBytes(outcome: RecordedOutcome): number {
  return Buffer.byteLength(JSON.stringify(outcome));
}
