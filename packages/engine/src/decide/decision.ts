// Holds a running decide job: which readings are left, and the results in their order. It knows no slot and no backend.
import type { JobEvent, JobTotals } from "../port/messages.ts";
import { createProgress, roundMs } from "../sequence/sequence.ts";
import type { Branch } from "./answer-trie.ts";
import type { PreparedDecide, PreparedReading } from "./prepare-decide.ts";

/** A reading that a slot computes, branch after branch. */
export interface ReadingInSlot {
  readonly index: number;
  readonly reading: PreparedReading;
  /** The branch to compute; undefined after the last one. */
  readonly branch: Branch | undefined;
  /** Stores the logprobs of the tokens that may follow a node. A branch that is computed again reads them again. */
  record(node: number, logprobs: readonly number[]): void;
  /** Every node of the branch was read. */
  finishBranch(): void;
  /** The result, after the last branch. */
  vector(): number[];
}

export interface Decision {
  readonly kind: "decision";
  readonly jobId: string;
  /** Nothing is sampled. */
  readonly completionTokens: 0;
  readonly tokensLeft: 0;
  readonly prefixTokens: number;
  /** Number of readings that no slot has. */
  readonly left: number;
  /** Whether every reading has its result. */
  readonly isDone: boolean;
  /** Begins the job with this many cached tokens. */
  begin(cachedTokens: number, atMs: number): void;
  /** Gives a slot the next reading; undefined when none is left. */
  take(): ReadingInSlot | undefined;
  /** Leaves a reading that a slot has begun to another slot, which begins it again. */
  putBack(reading: ReadingInSlot): void;
  /** Ends a reading. @returns the results that follow the last one sent */
  finish(reading: ReadingInSlot): JobEvent[];
  /** Makes a progress event, which counts whole readings. Returns undefined soon after the last one. @param held number of entries in the slot */
  progress(held: number, atMs: number): JobEvent | undefined;
  totals(atMs: number): JobTotals;
}

/** Creates the decision of a job that has its slot. `begin` must be called before the others. Times are milliseconds on one clock. */
export function createDecision({ job, readings, promptTokens, prompt }: PreparedDecide, atMs: number): Decision {
  const { jobId } = job;
  const progress = createProgress({ jobId, promptTokens, startedAtMs: atMs });
  let startedAtMs = atMs;
  // The last reading is computed even if an earlier engine has computed all readings, because a job ends with the result of a reading.
  let sent = Math.min(job.prior?.computed ?? 0, readings.length - 1);
  /** Indexes of the readings that no slot has, in ascending order. */
  const waiting = readings.map((_, index) => index).slice(sent);
  /** Results that wait for those before them. */
  const results = new Map<number, JobEvent>();
  let readTokens = 0;

  return {
    ...{ kind: "decision", jobId, completionTokens: 0, tokensLeft: 0, prefixTokens: prompt.length },
    get left() {
      return waiting.length;
    },
    get isDone() {
      return sent === readings.length;
    },
    begin(cachedTokens, beganAtMs) {
      progress.begin(cachedTokens, beganAtMs);
      startedAtMs = beganAtMs;
    },
    take() {
      const index = waiting.shift();
      const reading = index === undefined ? undefined : readings[index];
      return index === undefined || reading === undefined ? undefined : createReadingInSlot(index, reading);
    },
    putBack({ index }) {
      const at = waiting.findIndex((other) => other > index);
      waiting.splice(at < 0 ? waiting.length : at, 0, index);
    },
    finish({ index, reading, vector }) {
      const { ownTokens: tokens } = reading;
      readTokens += tokens;
      results.set(index, { type: "embedding", jobId, index, vector: vector(), tokens });
      const events: JobEvent[] = [];
      for (let next = results.get(sent); next !== undefined; next = results.get(sent)) {
        events.push(next);
        results.delete(sent);
        sent += 1;
      }
      return events;
    },
    progress: (held, nowMs) =>
      progress.event(readTokens > 0 ? prompt.length + readTokens : Math.min(held, prompt.length), nowMs),
    totals: (nowMs) => ({
      ...{ promptTokens, cachedTokens: progress.cachedTokens, completionTokens: 0 },
      ...{ prefillMs: roundMs(nowMs - startedAtMs), decodeMs: 0 },
    }),
  };
}

function createReadingInSlot(index: number, reading: PreparedReading): ReadingInSlot {
  const { branches, score } = reading.trie;
  const logprobs: (readonly number[])[] = [];
  let branch = 0;
  return {
    index,
    reading,
    get branch() {
      return branches[branch];
    },
    record: (node, values) => void (logprobs[node] = values),
    finishBranch: () => void (branch += 1),
    vector: () => score(logprobs),
  };
}
