// Gives slots to waiting jobs, in their order.
import { isLane, type StoppedBy } from "@waggle/protocol";
import type { Backend } from "../port/backend.ts";
import { cacheScopeOf } from "../port/cache-scope.ts";
import type { JobEvent } from "../port/messages.ts";
import { endingEvents } from "../sequence/ending.ts";
import type { PreparedDecide } from "../decide/prepare-decide.ts";
import { createDecision } from "../decide/decision.ts";
import type { PreparedEmbed, PreparedGenerate, PreparedJob } from "../sequence/prepare.ts";
import { sequenceFor, type ResumedSequence } from "../sequence/resume.ts";
import type { CellNeed } from "./cells.ts";
import { chooseSlot } from "./choose-slot.ts";
import type { ContextPool } from "./pool.ts";
import { hasForeground } from "./lane-runs.ts";
import { bindSlot, type Slot } from "./slots.ts";

/** A choice that has started and has no slot. */
export interface WaitingJob {
  /** The id under which its work is prepared. */
  readonly work: string;
  readonly choice: number;
  /** The prepared choice; undefined until its work is prepared. */
  prepared: PreparedJob | undefined;
}

export interface AdmissionOptions {
  readonly backend: Backend;
  readonly slots: readonly Slot[];
  readonly pool: Pick<ContextPool, "fits" | "returnPreempted">;
  /** Whether slots can be saved. */
  readonly saves: boolean;
  /** Waiting jobs by job id, in the order of their arrival. */
  readonly waiting: Map<string, WaitingJob>;
  readonly addTexts: (prepared: PreparedEmbed) => void;
  readonly addEvents: (events: readonly JobEvent[]) => void;
  readonly now: () => number;
}

/**
 * Returns a function that gives slots to waiting jobs: while a job does not fit into the context pool, no later job overtakes it, so that it does not wait
 * for ever. Preempted jobs return before a new job gets a slot. Lane jobs get what foreground jobs leave. Texts need no slot.
 */
export function createAdmission(options: AdmissionOptions): () => void {
  const { backend, slots, pool, saves, waiting, now } = options;
  /** Number of jobs that got a slot. */
  let bound = 0;

  /** Returns whether there was a slot. */
  function bind(prepared: PreparedGenerate | PreparedDecide): boolean {
    const { prompt, reusableTokens, job } = prepared;
    const { sessionId } = job;
    const seeker = { prompt, reusableTokens, cacheScope: cacheScopeOf(prepared), sessionId };
    // To save a foreground cache for a lane job would delay streams.
    const spare = isLane(job) ? chooseSlot(slots, seeker, isSpare) : undefined;
    const choice = spare ?? (isLane(job) && hasForeground(slots) ? undefined : chooseSlot(slots, seeker));
    if (choice === undefined) return false;
    const bind = (to: Parameters<typeof bindSlot>[1]): void =>
      bindSlot(choice.slot, to, (bound += 1), choice.keepTokens);
    if (prepared.kind === "decide") {
      bind({ kind: "decision", prepared, sequence: createDecision(prepared, now()) });
      return true;
    }
    const { resumed } = prepared;
    // Its time begins now, and not when it was prepared.
    resumed?.sequence.begin(0, now());
    bind({ kind: "answer", prepared, sequence: resumed?.sequence ?? sequenceFor(prepared, backend, now()) });
    return true;
  }

  /** Whether losing what the idle slot holds costs nothing. */
  function isSpare({ held, isLaneCache, writtenBehind }: Slot): boolean {
    return held.entries.length === 0 || isLaneCache || (saves && writtenBehind === true);
  }

  /** Number of idle slots that no foreground job waits for. A job whose work is not prepared may be one. */
  function leftSlots(): number {
    const needsSlot = ({ prepared }: WaitingJob): boolean =>
      prepared === undefined || (prepared.kind !== "embed" && !isLane(prepared.job));
    const idle = slots.filter(({ state }) => state.kind === "idle").length;
    return idle - [...waiting.values()].filter(needsSlot).length;
  }

  /** Ends a job whose earlier output is complete. It needs no slot. */
  function endComplete(
    { job, promptTokens, sampling }: PreparedGenerate,
    { sequence, replayed }: ResumedSequence,
    by: StoppedBy,
  ): void {
    const { jobId } = job;
    const atMs = now();
    sequence.begin(promptTokens, atMs);
    options.addEvents([
      { type: "started", jobId, promptTokens, cachedTokens: promptTokens, seed: sampling.seed },
      ...replayed.events,
      ...endingEvents(sequence, { kind: "finished", by }, 0, atMs),
    ]);
  }

  function admit(ofLane: boolean): void {
    let hasRoom = pool.returnPreempted(ofLane);
    for (const [jobId, { prepared }] of waiting) {
      if (prepared?.kind === "embed") {
        waiting.delete(jobId);
        options.addTexts(prepared);
      }
      if (prepared === undefined || prepared.kind === "embed" || isLane(prepared.job) !== ofLane) continue;
      const resumed = prepared.kind === "generate" ? prepared.resumed : undefined;
      if (resumed?.replayed.finish !== undefined) {
        waiting.delete(jobId);
        if (prepared.kind === "generate") endComplete(prepared, resumed, resumed.replayed.finish);
        continue;
      }
      hasRoom &&= (!ofLane || leftSlots() > 0) && pool.fits(needOfNew(prepared), ofLane);
      if (hasRoom && bind(prepared)) waiting.delete(jobId);
    }
  }

  return () => {
    admit(false);
    admit(true);
  };
}

function needOfNew(prepared: PreparedGenerate | PreparedDecide): CellNeed {
  if (prepared.kind === "decide") return { tokens: prepared.longest, tokensLeft: 0 };
  const { job, prompt, output = [] } = prepared;
  const { maxTokens = Infinity } = job.work;
  return { tokens: prompt.length, tokensLeft: Math.max(0, maxTokens - output.length) };
}
