// Runs the engine: commands in, events out, the step loop between them. The engine knows no process, socket or file, and
// never waits for a reader.
import { WaggleError, type StepCosts } from "@waggle/protocol";
import { createPacing } from "../schedule/costs/pacing.ts";
import type { ThreadChange } from "../schedule/costs/threads.ts";
import type { Backend } from "../port/backend.ts";
import { noTotals, type EngineCommand, type EngineEvent, type JobEvent, type StartedChoice } from "../port/messages.ts";
import type { WaitingJob } from "../schedule/admit.ts";
import { createCharge } from "../schedule/charge.ts";
import { createDrafts } from "../schedule/drafts/drafts.ts";
import { createPlanner } from "../schedule/planner.ts";
import { createShares } from "../schedule/shares.ts";
import { createSlots, releaseSlot, runOf } from "../schedule/slots.ts";
import { createPieceQueue } from "../sequence/piece-queue.ts";
import { createPreparations } from "../sequence/preparations.ts";
import { choiceOf, createPreparer, failureOf, type PreparedJob } from "../sequence/prepare.ts";
import { answer } from "../sequence/query.ts";
import { resume } from "../sequence/resume.ts";
import { createStepLoop, type StepLoop } from "../step/loop.ts";
import { createPassMeter } from "../step/meter.ts";
import { createOutbox } from "../step/outbox.ts";
import { createSlotPictures } from "../step/pictures.ts";
import { createTexts } from "../step/texts.ts";
import { createSchedulingPoint } from "../step/transfers.ts";

export interface EngineLimits {
  /** Most prompt tokens in a step; by default what a step costs decides alone. A step never exceeds the batch size. */
  readonly prefillBudget?: number | undefined;
  /**
   * While a slot decodes, a step takes at most this long, except that prompts get a third of it at least; Infinity for no limit. By default, what prompt
   * tokens cost decides how long a step is.
   */
  readonly maxTokenGapMs?: number | undefined;
  /** Whether tokens may be guessed; true by default. */
  readonly guesses?: boolean | undefined;
  /** Maximum number of bytes of KV snapshots; 0 turns snapshots off. */
  readonly prefixStoreBytes: number;
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
/** Enough for 128 prompts of 32,000 tokens with four characters each. */
const preparedBytes = 2 ** 26;

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
  const shares = createShares();
  const texts = createTexts({ outbox, pieces, emit, now: options.now, shares });
  const { pinnedThreads, maxThreads = Infinity } = options;
  const pacing = createPacing({
    batchSize,
    threads: {
      start: pinnedThreads ?? backend.info.threads,
      max: Math.min(maxThreads, backend.info.maxThreads),
      pinned: pinnedThreads !== undefined,
    },
    oneMatrix: backend.generator?.oneMatrix === true,
    attentionTile: backend.generator?.attentionTile,
    mostBehind: backend.generator?.mostBehind,
    maxTokenGapMs: limits.maxTokenGapMs,
    prefillBudget: limits.prefillBudget,
    known: options.stepCosts,
    context: backend.generator?.contextCosts,
  });
  const pictures = createSlotPictures({
    ...{ encoder: backend.generator?.pictures, slots, pacing, pieces, emit, now: options.now },
    onChange: () => loop.wake(),
  });
  const schedulingPoint = createSchedulingPoint({
    ...{ backend, slots, waiting, outbox, emit, now: options.now },
    addTexts: texts.add,
    prefixStoreBytes: limits.prefixStoreBytes,
    headroomCells: limits.headroomCells,
    tokenMs: (tokens) => pacing.tokenMs(tokens),
  });
  const onThreadChange = (change: ThreadChange): void => emit({ type: "log", ...describeChange(change) });
  const charge = createCharge({ shares, backend, pacing });
  const meter = createPassMeter({ backend, slots, pacing, charge, outbox, now: options.now, onThreadChange });
  const loop: StepLoop = createStepLoop({
    ...{ backend, slots, schedulingPoint, meter, pictures, texts, pieces, emit, outbox, now: options.now },
    plan: createPlanner({
      ...{ backend, slots, pacing, shares },
      drafts: createDrafts({ backend, slots, pacing, enabled: limits.guesses !== false }),
      readyTexts: texts.ready,
      nextPicture: pictures.next,
    }),
  });
  const prepare = createPreparer({ backend, random32: options.random32 });
  /** Aborts the queries whose answers are not needed any more, by id. */
  const queries = new Map<string, AbortController>();
  const preparations = createPreparations({
    async prepare(job, signal) {
      const own = pieces.of(job.cacheScope, signal);
      return await resume(await prepare(job, own), backend, own);
    },
    maxBytes: limits.preparedBytes ?? preparedBytes,
    begin,
    onPrepared(prepared) {
      const { jobId } = prepared.job;
      const cachedTokens = prepared.kind === "generate" ? schedulingPoint.cachedTokens(prepared) : 0;
      emit({ type: "prepared", jobId, promptTokens: prepared.promptTokens, cachedTokens });
    },
    onFailed(jobId, thrown) {
      if (!(thrown instanceof WaggleError)) {
        emit({ type: "log", level: "error", message: `Cannot prepare job ${jobId}: ${messageOf(thrown)}` });
      }
      const failure = failureOf(thrown);
      const started = startedOf(jobId);
      for (const [id] of started) waiting.delete(id);
      if (started.length === 0) emit({ type: "prepare_failed", jobId, failure });
      else sendNow(...started.map(([id]) => ({ type: "failed", jobId: id, ...failure }) as const));
    },
  });
  let over = false;
  let calls = 0;
  let passesReported = 0;

  function maintain(freeCores?: number): void {
    const hung = pieces.endOverdue();
    if (hung !== undefined) emit({ type: "broken", message: hung });
    const change = freeCores === undefined ? undefined : pacing.recordFreeCores(freeCores);
    if (change !== undefined) onThreadChange(change);
    loop.maintain();
    calls += 1;
    if (calls % callsPerReport !== 0 || meter.passes === passesReported) return;
    passesReported = meter.passes;
    reportCosts();
  }

  function reportCosts(): void {
    emit({ type: "step_costs", costs: pacing.costs(), pieces: pacing.pieces() });
  }

  /** Says once what the operator's bound costs a prompt that joins a stream. */
  function warnOfBound(): void {
    if (limits.maxTokenGapMs === undefined) return;
    const dear = pacing.pieces().findLast(({ slowdown }) => slowdown > noticeableSlowdown);
    if (dear === undefined) return;
    const times = dear.slowdown.toFixed(1);
    const message = `With a token gap of ${limits.maxTokenGapMs} ms, prompts are read ${times} times more slowly behind ${dear.context} tokens than without it`;
    emit({ type: "log", level: "warn", message });
  }

  /** The started choices that wait for this work. */
  function startedOf(work: string): [jobId: string, entry: WaitingJob][] {
    return [...waiting].filter(([, entry]) => entry.work === work && entry.prepared === undefined);
  }

  function start({ prepared: work, choices }: Extract<EngineCommand, { type: "start" }>): void {
    const prepared = preparations.take(work);
    for (const choice of choices) addWaiting(work, choice);
    if (prepared !== undefined) begin(prepared);
    else if (startedOf(work).length === 0) preparations.drop(work);
    else if (!preparations.has(work)) emit({ type: "unprepared", jobId: work });
  }

  function addWaiting(work: string, { jobId, choice }: StartedChoice): void {
    if (waiting.has(jobId) || texts.has(jobId) || slots.some((slot) => runOf(slot)?.sequence.jobId === jobId)) {
      emit({ type: "log", level: "error", message: `Ignored a start: the engine already has job ${jobId}` });
      return;
    }
    const others = waiting.size + texts.size;
    if (others >= limits.maxWaiting) {
      const message = `Cannot accept the job: ${others} jobs are waiting already.`;
      sendNow({ type: "failed", jobId, code: "resource_exhausted", message });
      return;
    }
    waiting.set(jobId, { work, choice, prepared: undefined });
  }

  /** Gives the prepared work to the choices that have started. Returns whether there are any. */
  function begin(prepared: PreparedJob): boolean {
    const started = startedOf(prepared.job.jobId);
    for (const [jobId, entry] of started) entry.prepared = choiceOf(prepared, { jobId, choice: entry.choice });
    if (started.length > 0) loop.wake();
    return started.length > 0;
  }

  function cancel(jobId: string): void {
    const entry = waiting.get(jobId);
    if (entry !== undefined) {
      waiting.delete(jobId);
      // If no other choice waits for the work, the rest of its preparation is skipped.
      if (entry.prepared === undefined && startedOf(entry.work).length === 0) preparations.drop(entry.work);
      sendNow({ type: "cancelled", jobId, steps: 0, ...noTotals });
      return;
    }
    if (texts.cancel(jobId)) return outbox.flush();
    const slot = slots.find((candidate) => runOf(candidate)?.sequence.jobId === jobId);
    if (slot === undefined) return;
    loop.wake();
    releaseSlot(slot, { kind: "cancelled", atPass: meter.passes });
  }

  function query({ id, question, client }: Extract<EngineCommand, { type: "query" }>): void {
    const leaving = new AbortController();
    queries.set(id, leaving);
    void answer(backend, question, pieces.of(client, leaving.signal)).then((reply) => {
      queries.delete(id);
      if (!over) emit({ type: "query_result", id, answer: reply });
    });
  }

  function sendNow(...events: readonly JobEvent[]): void {
    outbox.add(...events);
    outbox.flush();
  }

  return {
    handle(command) {
      if (over) return;
      switch (command.type) {
        case "prepare":
          return preparations.prepare(command.job);
        case "start":
          return start(command);
        case "drop":
          queries.get(command.prepared)?.abort();
          return preparations.drop(command.prepared);
        case "cancel":
          return cancel(command.jobId);
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
      warnOfBound();
      try {
        await loop.run();
      } catch (thrown) {
        outbox.flush();
        emit({ type: "broken", message: messageOf(thrown) });
      } finally {
        over = true;
        preparations.stop();
      }
    },
    maintain,
    get busySlots() {
      return slots.filter((slot) => slot.state.kind !== "idle").length;
    },
    get preparedJobs() {
      return preparations.size;
    },
  };
}

function describeChange({ kind, threads, before }: ThreadChange): Pick<LogEvent, "level" | "message"> {
  const reason = kind === "fell" ? "steps took many times longer than expected" : "the cores are free again";
  return { level: "info", message: `Threads: at most ${threads} (was ${before}), ${reason}` };
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
