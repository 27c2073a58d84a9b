// Defines a slot: what its KV cache holds, and its state with the job in it. Every change of state goes through change().
import { isLane, type SlotStatus } from "@waggle/protocol";
import { cacheScopeOf } from "../port/cache-scope.ts";
import type { Decision, ReadingInSlot } from "../decide/decision.ts";
import type { PreparedDecide } from "../decide/prepare-decide.ts";
import type { HeldEntry, KvSnapshot, PromptChunk } from "../port/kv.ts";
import type { Ending } from "../sequence/ending.ts";
import { createHeld, type HeldList } from "../sequence/held.ts";
import { scoresPrompt, type PreparedGenerate } from "../sequence/prepare.ts";
import type { Sequence } from "../sequence/sequence.ts";
import type { Token } from "../port/steps.ts";

/** A job in a slot. */
export type Run = AnswerRun | DecideRun;

export interface AnswerRun extends RunInSlot {
  readonly kind: "answer";
  readonly prepared: PreparedGenerate;
  readonly sequence: Sequence;
}

/** The target is the prefix, and then one branch after the other behind the prefix. */
export interface DecideRun extends RunInSlot {
  readonly kind: "decision";
  readonly prepared: PreparedDecide;
  readonly sequence: Decision;
  /** The reading of the target; undefined while the target is the prefix. */
  reading?: ReadingInSlot | undefined;
  /** The run that began the job, if this slot is lent to the job. */
  readonly lender?: DecideRun | undefined;
}

export type LentRun = DecideRun & { readonly lender: DecideRun };

export function isLent(run: Run): run is LentRun {
  return run.kind === "decision" && run.lender !== undefined;
}

interface RunInSlot {
  readonly slot: Slot;
  /**
   * What the slot must hold before the next token is sampled: the prompt, the output and the token that was sampled last. What the slot holds is its
   * beginning, from the moment that the backend has begun the job.
   */
  readonly target: HeldEntry[];
  /** The pictures in `target`. */
  chunks: readonly PromptChunk[];
  /** Counts the jobs that got a slot: the job with the higher number started later. */
  readonly startOrder: number;
  /** Number of prompt tokens, from the first, whose logprobs were sent. */
  scoredTokens: number;
  /** When the job was preempted, or returned, last. */
  preemptedAtMs: number | undefined;
  /** Prompt tokens of other slots that were computed while this prompt waited. */
  agingTokens: number;
}

export type SlotState =
  | { readonly kind: "idle" }
  | Beginning
  /** The target lacks more than the token that was sampled last. */
  | { readonly kind: "prefilling"; readonly run: Run }
  | { readonly kind: "decoding"; readonly run: Run }
  /** The context pool is full: the job has left its KV cache, and keeps the slot. */
  | { readonly kind: "preempted"; readonly run: Run }
  | Releasing;

/** A job has the slot, and the backend has not begun it. Until then the KV cache does not change, except for transfers. */
export interface Beginning {
  readonly kind: "beginning";
  readonly run: Run;
  /** Length of the prefix that the slot's cache and the target share. */
  keepTokens: number;
  /** Slots that were saved for this job. Each slot is saved at most once: otherwise useless snapshots could keep the job from beginning. */
  readonly saved: Set<Slot>;
}

/** The job has ended, or must end; no further step includes it. */
export interface Releasing {
  readonly kind: "releasing";
  readonly run: Run;
  readonly ending: Ending;
  /** Whether the backend still has work of the job. */
  hasBegun: boolean;
}

export interface Slot {
  readonly id: number;
  state: SlotState;
  /** What the slot's KV cache holds, also when idle. */
  held: HeldList;
  /** Only jobs of this cache scope may reuse `held`. */
  cacheScope: string | undefined;
  sessionId: string | undefined;
  /** Number of the pass after which the slot was last freed; -1 before the first job, and after a lane job. */
  lastUsed: number;
  /** A lane job left `held`, or computes it: it is discarded first, and never saved. */
  isLaneCache: boolean;
  /** True when the cache of an idle slot is saved, or not worth saving; undefined before the check. */
  writtenBehind: boolean | undefined;
}

type Kind = SlotState["kind"];

const following: Readonly<Record<Kind, readonly Kind[]>> = {
  idle: ["beginning"],
  beginning: ["prefilling", "releasing"],
  prefilling: ["decoding", "preempted", "releasing"],
  decoding: ["preempted", "releasing"],
  preempted: ["beginning", "releasing"],
  releasing: ["idle"],
};

/** @throws Error when this state cannot follow, which is a defect of the caller */
function change(slot: Slot, state: SlotState): void {
  const { kind } = slot.state;
  if (!following[kind].includes(state.kind))
    throw new Error(`Cannot make slot ${slot.id} ${state.kind}: it is ${kind}`);
  slot.state = state;
}

export function createSlots(count: number): readonly Slot[] {
  return Array.from({ length: count }, (_, id) => ({
    id,
    state: { kind: "idle" },
    held: createHeld(),
    cacheScope: undefined,
    sessionId: undefined,
    lastUsed: -1,
    isLaneCache: false,
    writtenBehind: undefined,
  }));
}

export function runOf({ state }: Pick<Slot, "state">): Run | undefined {
  return state.kind === "idle" ? undefined : state.run;
}

/** Returns the jobs of the slots in these states. */
export function runsIn(slots: readonly Slot[], ...kinds: readonly Exclude<Kind, "idle">[]): Run[] {
  const runs: Run[] = [];
  for (const { state } of slots) if (state.kind !== "idle" && kinds.includes(state.kind)) runs.push(state.run);
  return runs;
}

export function isDecoding(run: Run): run is AnswerRun {
  return run.slot.state.kind === "decoding";
}

/** Whether to compute the logprobs of the prompt. */
export function scores(run: Run): boolean {
  return run.kind === "answer" && run.sequence.completionTokens === 0 && scoresPrompt(run.prepared.job);
}

/**
 * Maximum number of the target's entries that may come from a cache: sampling needs the last one computed, logprobs of the prompt need all, and a branch
 * needs those computed behind which it reads logprobs.
 */
export function reusableOf(run: Run): number {
  if (run.kind === "decision") {
    const [first] = branchReads(run);
    // A reading computes its whole prompt, whatever the reading before it left, so that the order of the readings changes nothing.
    const most = first === undefined || first.node === 0 ? run.prepared.prompt.length : first.index;
    return Math.min(run.target.length, most);
  }
  return scores(run) ? 0 : run.target.length - 1;
}

/** Logprobs that a branch reads behind an entry of the target. */
export interface BranchRead {
  /** Index of the entry. */
  readonly index: number;
  readonly node: number;
  readonly tokens: readonly Token[];
}

/** The reads of the job's next branch, in ascending order. */
export function branchReads({ prepared, reading: inSlot }: DecideRun): BranchRead[] {
  const { reading, branch } = inSlot ?? {};
  if (reading === undefined || branch === undefined) return [];
  const promptEnd = prepared.prompt.length + reading.entries.length;
  return branch.reads.map(({ node, behind }) => {
    return { index: promptEnd - 1 + behind, node, tokens: reading.trie.nodes[node] ?? [] };
  });
}

/** Makes the prefix with the next branch the target of a job that has computed its target. Returns false when no reading is left. */
export function targetNextBranch(run: DecideRun): boolean {
  const { target, prepared } = run;
  run.reading ??= run.sequence.take();
  if (run.reading === undefined) return false;
  const { reading, branch } = run.reading;
  target.length = prepared.prompt.length;
  for (const entry of reading.entries) target.push(entry);
  for (const token of branch?.tokens ?? []) target.push(token);
  run.chunks = reading.chunks;
  return true;
}

/**
 * Repeats the last token of the shorter targets, so that all are equally long: slots next to each other are then one matrix.
 * @param most cells that a job alone may have: no job makes room for a longer target
 * @param lengthFor how long they should be at least, if the longest has this length
 */
export function alignTargets(runs: readonly DecideRun[], most: number, lengthFor: (longest: number) => number): void {
  const longest = Math.max(...runs.map(({ target }) => target.length));
  const wanted = lengthFor(longest);
  const length = wanted > most ? longest : wanted;
  for (const { target } of runs) while (target.length < length) target.push(target.at(-1) ?? 0);
}

/** Ends the use of a lent slot. Another slot begins its reading again. */
export function giveBack(run: LentRun): void {
  if (run.reading !== undefined) run.sequence.putBack(run.reading);
  run.reading = undefined;
  releaseSlot(run.slot, { kind: "returned" });
}

/** Number of entries that the slot must compute before the job samples. */
export function missingOf({ slot, target }: Run): number {
  return target.length - slot.held.entries.length;
}

type BoundJob =
  | Pick<AnswerRun, "kind" | "prepared" | "sequence">
  | Pick<DecideRun, "kind" | "prepared" | "sequence" | "lender">;

/** Gives the slot to a job. @param keepTokens length of the prefix that the slot's cache and the job's prompt share */
export function bindSlot(slot: Slot, job: BoundJob, startOrder: number, keepTokens: number): void {
  const { prompt, chunks } = job.prepared;
  const fresh = { scoredTokens: 0, preemptedAtMs: undefined, agingTokens: 0 };
  const run = { ...job, slot, target: [...prompt], chunks, startOrder, ...fresh };
  change(slot, { kind: "beginning", run, keepTokens, saved: new Set() });
}

/** Records that the backend has begun the job, and kept only the first `keepTokens` entries, with which the target begins. */
export function beginSlot(run: Run, keepTokens: number): void {
  const { slot } = run;
  slot.held.cut(keepTokens);
  slot.cacheScope = cacheScopeOf(run.prepared);
  slot.isLaneCache = isLane(run.prepared.job);
  slot.sessionId = run.prepared.job.sessionId;
  // The job may have been cancelled while the backend began it.
  if (slot.state.kind === "releasing") slot.state.hasBegun = true;
  else change(slot, { kind: "prefilling", run });
}

/** Records that the whole target was computed, and a token sampled. */
export function decodeSlot(run: Run): void {
  change(run.slot, { kind: "decoding", run });
}

/** Takes a job that has begun out of the passes. It keeps the slot and its target, so the job only has to compute again what the slot then lacks. */
export function preemptSlot(run: Run, atMs: number): void {
  run.preemptedAtMs = atMs;
  run.agingTokens = 0;
  change(run.slot, { kind: "preempted", run });
}

/** Lets a preempted job begin again. */
export function returnSlot(run: Run, atMs: number): void {
  const { slot } = run;
  // Its cache may have to be computed again, so the job is spared from now on.
  run.preemptedAtMs = atMs;
  change(slot, { kind: "beginning", run, keepTokens: slot.held.entries.length, saved: new Set() });
}

/** Records that the backend loaded a snapshot. @param state undefined when the snapshot was damaged, so that the slot is empty */
export function loadSlot(slot: Slot, state: KvSnapshot | undefined): void {
  slot.held = createHeld(state?.entries, state?.chunks);
  slot.cacheScope = state?.cacheScope;
  slot.sessionId = undefined;
}

/** Records that the backend copied the first `keep` tokens of another slot. */
export function copySlot(from: Slot, to: Slot, keep: number): void {
  to.held = createHeld(from.held.entries.slice(0, keep), from.held.chunks);
  to.cacheScope = from.cacheScope;
  to.sessionId = undefined;
}

/** Excludes the slot's job from all further steps. The first ending counts: a cancel after the finish has no effect. */
export function releaseSlot(slot: Slot, ending: Ending): void {
  const { state } = slot;
  if (state.kind === "releasing" || state.kind === "idle") return;
  const hasBegun = state.kind === "prefilling" || state.kind === "decoding";
  change(slot, { kind: "releasing", run: state.run, ending, hasBegun });
}

/** Makes the slot idle. Its cache stays. */
export function freeSlot(slot: Slot, pass: number): void {
  change(slot, { kind: "idle" });
  slot.lastUsed = slot.isLaneCache ? -1 : pass;
  slot.writtenBehind = undefined;
}

/** The names of the wire. */
const names = {
  idle: "idle",
  beginning: "prefilling",
  prefilling: "prefilling",
  decoding: "decoding",
  preempted: "parked",
  releasing: "releasing",
} as const satisfies Record<Kind, SlotStatus["state"]>;

export function slotStatus(slot: Slot): SlotStatus {
  const run = runOf(slot);
  return {
    id: slot.id,
    state: names[slot.state.kind],
    ...(run === undefined ? {} : { job_id: run.sequence.jobId }),
    prompt_tokens: run?.prepared.promptTokens ?? 0,
    tokens: run?.sequence.completionTokens ?? 0,
  };
}
