// Holds a running decide job: which branch is next, the logprobs that were read, and the results of the readings. It knows no slot and no backend.
import type { JobEvent, JobTotals } from "../port/messages.ts";
import { createProgress, roundMs } from "../sequence/sequence.ts";
import type { Branch } from "./answer-trie.ts";
import type { PreparedDecide, PreparedReading } from "./prepare-decide.ts";

/** What a slot holds after the prefix: the rest of a reading's prompt, and a branch of its answers. */
export interface NextBranch {
  readonly reading: PreparedReading;
  readonly branch: Branch;
}

export interface Decision {
  readonly kind: "decision";
  readonly jobId: string;
  /** Nothing is sampled. */
  readonly completionTokens: 0;
  readonly tokensLeft: 0;
  /** The branch to compute; undefined when every reading has its result. */
  readonly next: NextBranch | undefined;
  /** Begins the job with this many cached tokens. */
  begin(cachedTokens: number, atMs: number): void;
  /** Stores the logprobs of the tokens that may follow a node of the present reading. A branch that is computed again reads them again. */
  record(node: number, logprobs: readonly number[]): void;
  /** Every node of the branch was read. @returns the reading's result, if this was its last branch */
  finishBranch(): JobEvent[];
  /** Makes a progress event, which counts whole branches. Returns undefined soon after the last one. @param held number of entries in the slot */
  progress(held: number, atMs: number): JobEvent | undefined;
  totals(atMs: number): JobTotals;
}

/** Creates the decision of a job that has its slot. `begin` must be called before the others. Times are milliseconds on one clock. */
export function createDecision({ job, readings, promptTokens, prompt }: PreparedDecide, atMs: number): Decision {
  const { jobId } = job;
  const progress = createProgress({ jobId, promptTokens, startedAtMs: atMs });
  let startedAtMs = atMs;
  // The last reading is computed even if an earlier engine has computed all readings, because a job ends with the result of a reading.
  let index = Math.min(job.prior?.computed ?? 0, readings.length - 1);
  let branchIndex = 0;
  let branchTokens = 0;
  /** For each node of the present reading, the logprobs of its tokens. */
  let logprobs: (readonly number[])[] = [];

  function next(): NextBranch | undefined {
    const reading = readings[index];
    const branch = reading?.trie.branches[branchIndex];
    return reading === undefined || branch === undefined ? undefined : { reading, branch };
  }

  return {
    ...{ kind: "decision", jobId, completionTokens: 0, tokensLeft: 0 },
    get next() {
      return next();
    },
    begin(cachedTokens, beganAtMs) {
      progress.begin(cachedTokens, beganAtMs);
      startedAtMs = beganAtMs;
    },
    record: (node, values) => void (logprobs[node] = values),
    finishBranch() {
      const finished = next();
      if (finished === undefined) throw new Error(`Job ${jobId} has no branch to finish`);
      const { reading, branch } = finished;
      branchTokens += branch.newTokens + (branchIndex === 0 ? reading.entries.length : 0);
      branchIndex += 1;
      if (branchIndex < reading.trie.branches.length) return [];
      const vector = reading.trie.score(logprobs);
      const event = { type: "embedding", jobId, index, vector, tokens: reading.ownTokens } as const;
      [index, branchIndex, logprobs] = [index + 1, 0, []];
      return [event];
    },
    progress: (held, nowMs) =>
      progress.event(branchTokens > 0 ? prompt.length + branchTokens : Math.min(held, prompt.length), nowMs),
    totals: (nowMs) => ({
      ...{ promptTokens, cachedTokens: progress.cachedTokens, completionTokens: 0 },
      ...{ prefillMs: roundMs(nowMs - startedAtMs), decodeMs: 0 },
    }),
  };
}
