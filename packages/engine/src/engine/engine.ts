// Runs the engine: commands in, events out, the step loop between them. It knows no process, socket or file, and never waits for a reader.
import { inBackground } from "@waggle/async";
import type { PromptPiece, StepCosts } from "@waggle/protocol";
import { createPacing, type Pacing } from "../schedule/costs/pacing.ts";
import type { ThreadChange } from "../schedule/costs/threads.ts";
import type { Backend } from "../port/backend.ts";
import type { EngineCommand, EngineEvent } from "../port/messages.ts";
import type { WaitingJob } from "../schedule/admit.ts";
import { createCharge } from "../schedule/charge.ts";
import { createDrafts } from "../schedule/drafts/drafts.ts";
import { createPlanner } from "../schedule/planner.ts";
import { createShares } from "../schedule/shares.ts";
import { createSlots, isLent, releaseSlot, runOf, type Slot } from "../schedule/slots.ts";
import { thrownMessage } from "../sequence/fail-job.ts";
import { createPieceQueue } from "../sequence/piece-queue.ts";
import { answer } from "../sequence/query.ts";
import { createStepLoop, type StepLoop } from "../step/loop.ts";
import { createPassMeter } from "../step/meter.ts";
import { createOutbox } from "../step/outbox.ts";
import { createSlotPictures } from "../step/pictures.ts";
import { createTexts } from "../step/texts.ts";
import { createSchedulingPoint } from "../step/scheduling-point.ts";
import { createIntake } from "./intake.ts";

export interface EngineLimits {
  /** Limit of prompt tokens in a step; by default, the price list decides their number. A step never exceeds the batch size. */
  readonly prefillBudget?: number | undefined;
  /**
   * Longest step while a slot decodes, except that prompts get at least a third of this time; Infinity for no limit. By default, the prices of prompt
   * tokens decide how long a step is.
   */
  readonly maxTokenGapMs?: number | undefined;
  /** Whether jobs may draft tokens; true by default. */
  readonly guesses?: boolean | undefined;
  /** Maximum number of bytes of KV snapshots; 0 turns snapshots off. */
  readonly prefixStoreBytes: number;
  readonly prefixStoreTokenMs?: number | undefined;
  /** Maximum number of started jobs without a slot, including embed and rerank jobs; a further job fails with resource_exhausted. */
  readonly maxWaiting: number;
  /** Maximum number of bytes of prepared work that has not started. Work beyond this limit is prepared again at its start. */
  readonly preparedBytes?: number | undefined;
  /** Cells of the context pool that a new job leaves to each running job, for its next tokens; 256 by default. */
  readonly headroomCells?: number | undefined;
}

/** The log warns of a bound that makes prompts slower by more than this. */
const noticeableSlowdown = 1.5;
/** Calls of `maintain` between two reports of what steps cost. */
const callsPerReport = 10;
type LogEvent = Extract<EngineEvent, { type: "log" }>;

export interface EngineOptions {
  readonly backend: Backend;
  readonly limits: EngineLimits;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** 32 random bits, for jobs with the seed -1. */
  readonly random32: () => number;
  /** Receives each event synchronously and must not throw. It may call the engine with a command. */
  readonly emit: (event: EngineEvent) => void;
  /** A fixed number of threads; by default the engine begins with the backend's number and adapts it. */
  readonly pinnedThreads?: number | undefined;
  /** What steps cost, as measured at the load or by an earlier engine. */
  readonly stepCosts?: StepCosts | undefined;
  /** Maximum number of threads to try when `pinnedThreads` is absent; by default the backend's maximum. */
  readonly maxThreads?: number | undefined;
}

export interface Engine {
  /** Accepts a command at any time. For running jobs the command takes effect at the next scheduling point, otherwise at once. */
  handle(command: EngineCommand): void;
  /** Runs jobs until `shutdown`, or until the backend breaks; in that case the last event is `broken`. Never rejects. Call it once. */
  run(): Promise<void>;
  /**
   * Saves the cache of an idle slot if nothing was computed since the last call, and ends preparations that take too long. To be called regularly.
   * @param freeCores number of cores, with fractions, that no other process used since the last call; with this number, more
   * threads are tried only when cores are free for them
   */
  maintain(freeCores?: number): void;
  /** Slots that are not idle. */
  readonly busySlots: number;
  /** Number of jobs whose work is prepared, or being prepared, and has not started. */
  readonly preparedJobs: number;
}

/** @throws Error when the backend's batch cannot hold one token of each slot */
export function createEngine(options: EngineOptions): Engine {
  const { backend, limits, emit } = options;
  const { batchSize, slots: slotCount } = backend.info;
  if (batchSize < slotCount) {
    throw new Error(`Cannot run ${slotCount} slots: a step carries ${batchSize} tokens at most`);
  }
  const slots = createSlots(slotCount);
  const waiting = new Map<string, WaitingJob>();
  const outbox = createOutbox(slots, emit);
  const pieces = createPieceQueue(options);
  const shares = { foreground: createShares(), lane: createShares() };
  const texts = createTexts({ outbox, pieces, emit, now: options.now, shares });
  const pacing = pacingOf(options);
  const pictures = createSlotPictures({
    ...{ encoder: backend.generator?.pictures, slots, pacing, pieces, emit, now: options.now },
    onChange: () => loop.wake(),
  });
  const schedulingPoint = createSchedulingPoint({
    ...{ backend, slots, waiting, outbox, emit, now: options.now },
    addTexts: texts.add,
    prefixStoreBytes: limits.prefixStoreBytes,
    prefixStoreTokenMs: limits.prefixStoreTokenMs,
    headroomCells: limits.headroomCells,
    tokenMs: (tokens) => pacing.tokenMs(tokens),
    stepMs: (shape) => pacing.stepMs(shape),
    wake: () => loop.wake(),
  });
  const onThreadChange = (change: ThreadChange): void => emit({ type: "log", ...describeChange(change) });
  const charge = createCharge({ shares, backend, pacing });
  const meter = createPassMeter({ backend, slots, pacing, charge, outbox, now: options.now, onThreadChange });
  const loop: StepLoop = createStepLoop({
    ...{ backend, schedulingPoint, meter, pictures, texts, pieces, emit, outbox, now: options.now },
    plan: createPlanner({
      ...{ backend, slots, pacing, shares },
      drafts: createDrafts({ backend, slots, pacing, enabled: limits.guesses !== false }),
      texts,
      nextPicture: pictures.next,
    }),
  });
  /** Aborts the queries whose answers are not needed any more, by id. */
  const queries = new Map<string, AbortController>();
  const slotOf = (jobId: string): Slot | undefined =>
    slots.find((slot) => {
      const run = runOf(slot);
      return run?.sequence.jobId === jobId && !isLent(run);
    });
  const intake = createIntake({
    ...{ backend, waiting, pieces, limits, emit, random32: options.random32 },
    send(...events) {
      outbox.add(...events);
      outbox.flush();
    },
    cachedTokens: (prepared) => schedulingPoint.cachedTokens(prepared),
    textJobs: () => texts.size,
    isRunning: (jobId) => texts.has(jobId) || slotOf(jobId) !== undefined,
    onReady: () => loop.wake(),
  });
  let over = false;
  let calls = 0;
  let passesReported = 0;

  function maintain(freeCores?: number): void {
    const hung = pieces.endOverdue();
    if (hung !== undefined) emit({ type: "broken", message: hung });
    const change = freeCores === undefined ? undefined : pacing.recordFreeCores(freeCores);
    if (change !== undefined) onThreadChange(change);
    schedulingPoint.reportUnderway();
    loop.maintain();
    calls += 1;
    if (calls % callsPerReport !== 0 || meter.passes === passesReported) return;
    passesReported = meter.passes;
    reportCosts();
  }

  function reportCosts(): void {
    emit({ type: "step_costs", costs: pacing.costs(), pieces: pacing.pieces() });
  }

  function cancel({ jobId, yields }: Extract<EngineCommand, { type: "cancel" }>): void {
    if (intake.cancel(jobId)) return;
    if (texts.cancel(jobId)) return outbox.flush();
    const slot = slotOf(jobId);
    if (slot === undefined) return;
    loop.wake();
    releaseSlot(slot, { kind: "cancelled", atPass: meter.passes, yields });
  }

  function query({ id, question, client }: Extract<EngineCommand, { type: "query" }>): void {
    const leaving = new AbortController();
    queries.set(id, leaving);
    const answered = answer(backend, question, pieces.of(client, leaving.signal)).then((reply) => {
      queries.delete(id);
      if (!over) emit({ type: "query_result", id, answer: reply });
    });
    inBackground("answer a query", answered);
  }

  return {
    handle(command) {
      if (over) return;
      switch (command.type) {
        case "prepare":
          return intake.prepare(command.job);
        case "start":
          return intake.start(command);
        case "drop":
          queries.get(command.prepared)?.abort();
          return intake.drop(command.prepared);
        case "cancel":
          return cancel(command);
        case "query":
          return query(command);
        case "limit_threads":
          return pacing.limitThreads(command.threads);
        case "shutdown":
          return loop.leave();
      }
    },
    async run() {
      if (options.stepCosts !== undefined) reportCosts();
      const { maxTokenGapMs } = limits;
      const warning = maxTokenGapMs === undefined ? undefined : warningOf(maxTokenGapMs, pacing.pieces());
      if (warning !== undefined) emit({ type: "log", level: "warn", message: warning });
      try {
        await loop.run();
      } catch (thrown) {
        outbox.flush();
        emit({ type: "broken", message: thrownMessage(thrown) });
      } finally {
        over = true;
        intake.stop();
      }
    },
    maintain,
    get busySlots() {
      return slots.filter((slot) => slot.state.kind !== "idle").length;
    },
    get preparedJobs() {
      return intake.preparedJobs;
    },
  };
}

function pacingOf({ backend, limits, stepCosts, pinnedThreads, maxThreads = Infinity }: EngineOptions): Pacing {
  const { info, generator } = backend;
  return createPacing({
    batchSize: info.batchSize,
    threads: {
      start: pinnedThreads ?? info.threads,
      max: Math.min(maxThreads, info.maxThreads),
      pinned: pinnedThreads !== undefined,
    },
    oneMatrix: generator?.oneMatrix === true,
    attentionTile: generator?.attentionTile,
    mostBehind: generator?.mostBehind,
    maxTokenGapMs: limits.maxTokenGapMs,
    prefillBudget: limits.prefillBudget,
    known: stepCosts,
    context: generator?.contextCosts,
  });
}

/** What the operator's bound costs a prompt that joins a stream, if that is noticeable. */
function warningOf(maxTokenGapMs: number, pieces: readonly PromptPiece[]): string | undefined {
  const dear = pieces.findLast(({ slowdown }) => slowdown > noticeableSlowdown);
  if (dear === undefined) return undefined;
  const times = dear.slowdown.toFixed(1);
  return `With a token gap of ${maxTokenGapMs} ms, prompts are read ${times} times more slowly after ${dear.context} tokens than without it`;
}

function describeChange({ kind, threads, before }: ThreadChange): Pick<LogEvent, "level" | "message"> {
  const reason = kind === "fell" ? "steps took many times longer than expected" : "the cores are free again";
  return { level: "info", message: `Threads: at most ${threads} (was ${before}), ${reason}` };
}
