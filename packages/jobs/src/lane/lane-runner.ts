// Runs batches: checks their inputs, reads their lines ahead, asks for the answers and writes the results. Some batches have a turn at a time, in
// which they read ahead; the others wait for theirs. After a pause or a restart a batch reads its input from the start, without the answered lines.
import { createBackoff, createCondition, createFairQueue, deferred, onAbort } from "@waggle/async";
import type { Backoff, Clock, Condition, TimerHandle } from "@waggle/async";
import type { BatchInput, BatchRecord } from "./batch.ts";
import { checkInput, inputStart, modelNotFound, readInput } from "./batch-input.ts";
import type { InputOptions, InputPlace } from "./batch-input.ts";
import { createIdSet } from "./id-set.ts";
import type { IdSet } from "./id-set.ts";
import type { LaneFront, LaneModel, Line, LineAnswer, ReadResult } from "./lane-port.ts";
import { createLineWindow } from "./line-window.ts";
import type { PlacedLine, WaitingLines } from "./line-window.ts";
import type { Results } from "./results.ts";

/** A batch that may run. The record changes. */
export interface RunnableBatch {
  readonly record: BatchRecord;
  readonly results: Results;
}

export interface LaneRunner {
  /** Checks or runs the batch, as its status says. Does nothing for a batch that runs. */
  start(batch: RunnableBatch): void;
  /** Takes back all lines. Resolves when what was answered is on disk. @throws Error of node:fs */
  stop(batch: RunnableBatch): Promise<void>;
  /** Whether the front is asked for lines of the batch. */
  isAsking(batch: RunnableBatch): boolean;
  /** Stops all batches. Never rejects. */
  close(): Promise<void>;
}

export interface LaneRunnerOptions {
  readonly front: LaneFront;
  readonly clock: Clock;
  readonly maxLineBytes: number;
  /** Time in which names of models may be unknown that are served: a gateway's workers report theirs. */
  readonly modelsKnownAfterMs: number;
  /** Path of the batch's input. */
  pathOf(batch: RunnableBatch): string;
  apply(batch: RunnableBatch, input: BatchInput): Promise<void>;
  onResults(batch: RunnableBatch, written: readonly ReadResult[]): void;
  /** @param places lines that the front is asked for */
  onPlaces(places: number): void;
  /** @throws WaggleError out_of_space if the client's results may not grow */
  requireRoom(batch: RunnableBatch): Promise<void>;
  /** Called once for a batch whose results cannot be written, until one was written. */
  onHeld(batch: RunnableBatch, error: unknown): void;
}

/** Batches that have a turn at a time. */
const maxTurns = 16;
/** What a batch reads ahead. All batches with a turn share the bytes. */
const aheadLines = 256;
const aheadBytes = 8 * 2 ** 20;
/** Time until a line without an answer is asked again. The batch's other lines for its model wait, too. */
const askAgainMs = [1_000, 2_000, 5_000, 10_000, 30_000];
const jitter = 0.2;
/** Answers of a batch that a slow disk may let wait. */
const mostUnwritten = 64;
/** Time until the disk, and a model that is not known, are tried again. */
const beatMs = 5_000;

interface Run extends WaitingLines {
  readonly target: RunnableBatch;
  readonly stopping: AbortController;
  /** The end of the batch's earlier run. */
  readonly earlier: Promise<void>;
  readonly settled: Condition;
  readonly holds: Map<string, { readonly backoff: Backoff; timer: TimerHandle | undefined }>;
  turn: "has" | "wants" | "none";
  next: InputPlace;
  isReading: boolean;
  /** Whether the whole input was read. */
  isRead: boolean;
  /** Ids of lines that an earlier run has answered, and how many of them were not read yet. */
  answered: { readonly ids: IdSet; readonly left: number } | undefined;
  /** Reading, asking and writing that has not ended. */
  busy: number;
  /** Answers that are not written yet. */
  unwritten: number;
  /** Whether the disk has refused the last answer. */
  isStuck: boolean;
  /** Whether the disk has failed, until the next beat. */
  hasFailed: boolean;
  /** Whether the failure was reported, until a result is written. */
  isReported: boolean;
}

export function createLaneRunner(options: LaneRunnerOptions): LaneRunner {
  const { front, clock, maxLineBytes, modelsKnownAfterMs, pathOf, apply, onResults, onPlaces, requireRoom, onHeld } =
    options;
  const knownAt = clock.now() + modelsKnownAfterMs;
  const runs = new Map<RunnableBatch, Run>();
  const ending = new WeakMap<RunnableBatch, Promise<void>>();
  const waiting = createFairQueue<Run>();
  const active = new Set<Run>();
  const window = createLineWindow<Run>(modelOf);
  let beat: TimerHandle | undefined;
  let isClosed = false;

  const areModelsKnown = (): boolean => clock.now() >= knownAt;

  /** Undefined also while no model can be found: a fleet may have no worker. */
  function servedModel(name: string | undefined): LaneModel | undefined {
    try {
      return front.model(name);
    } catch {
      return undefined;
    }
  }

  /** A batch keeps the model of its check. A line of an unknown model among others is asked, for the error of its dialect. */
  function modelOf({ model: name }: Line, { target }: Run): LaneModel | undefined {
    const model = servedModel(name);
    const { model: checked } = target.record;
    if (checked !== undefined) return model?.name === checked ? model : undefined;
    return model !== undefined || !areModelsKnown() ? model : { name: "", slots: 1, isLoaded: true };
  }

  function inputOf({ target }: Run): InputOptions {
    const { record } = target;
    return { path: pathOf(target), record, shape: front.shapes[record.dialect], maxLineBytes };
  }

  // ---- turns ----------------------------------------------------------------------------------------------------------

  /** Called after each change. */
  function fill(): void {
    if (isClosed) return;
    for (const run of active) if (!usesTurn(run)) endTurn(run);
    while (active.size < maxTurns) {
      const run = waiting.take();
      if (run === undefined) break;
      if (run.stopping.signal.aborted) continue;
      run.turn = "has";
      active.add(run);
    }
    for (const run of active) if (canRead(run) && !window.canUse(run)) void work(run, () => read(run));
    const asking = [...active].filter(({ isStuck, unwritten }) => !isStuck && unwritten < mostUnwritten);
    for (let placed = window.take(asking); placed !== undefined; placed = window.take(asking)) {
      const next = placed;
      void work(next.batch, () => ask(next));
    }
    onPlaces(window.places);
    beat ??= runs.size === 0 ? undefined : clock.setTimeout(onBeat, beatMs);
  }

  function usesTurn(run: Run): boolean {
    return run.isReading || (!run.isStuck && window.canUse(run)) || (canRead(run) && waiting.length === 0);
  }

  function canRead({ isReading, isRead, hasFailed, waiting: lines }: Run): boolean {
    return !isReading && !isRead && !hasFailed && lines.length < aheadLines;
  }

  function endTurn(run: Run): void {
    active.delete(run);
    run.turn = "none";
    if (canRead(run)) wantTurn(run);
    else forget(run);
  }

  function wantTurn(run: Run): void {
    if (run.turn !== "none" || run.stopping.signal.aborted) return;
    run.turn = "wants";
    waiting.push(run.client, run);
  }

  /** Lines that wait for another try are read again later, if all batches that wait would need too much memory. */
  function forget(run: Run): void {
    if (run.turn !== "none" || run.busy > 0 || run.waiting.length === 0 || runs.size <= maxTurns) return;
    run.waiting.length = 0;
    Object.assign(run, { next: inputStart, isRead: false, answered: undefined });
  }

  function onBeat(): void {
    beat = undefined;
    for (const run of runs.values()) {
      run.hasFailed = false;
      if (run.waiting.length > 0 || !run.isRead) wantTurn(run);
      else void finish(run);
    }
    fill();
  }

  /** Does a part of a run. An error of the disk is tried again at the next beat. */
  async function work(run: Run, part: () => Promise<void>): Promise<void> {
    run.busy += 1;
    try {
      await part();
    } catch (error) {
      fail(run, error);
    }
    run.busy -= 1;
    run.settled.check();
    forget(run);
    await finish(run);
    fill();
  }

  function fail(run: Run, error: unknown): void {
    run.hasFailed = true;
    if (run.isReported || run.stopping.signal.aborted) return;
    run.isReported = true;
    onHeld(run.target, error);
  }

  // ---- lines ----------------------------------------------------------------------------------------------------------

  async function read(run: Run): Promise<void> {
    const { target, stopping } = run;
    const isStopped = (): boolean => stopping.signal.aborted;
    run.isReading = true;
    try {
      await run.earlier;
      if (target.record.status === "validating") await check(run);
      if (isStopped() || target.record.status !== "in_progress") return;
      await requireRoom(target);
      if (run.answered === undefined) {
        const ids = await target.results.ids(target.record.id);
        run.answered = { ids, left: ids.size };
      }
      await readAhead(run, run.answered);
    } finally {
      run.isReading = false;
    }
  }

  async function check(run: Run): Promise<void> {
    const found = await checkInput(inputOf(run), front.model, run.stopping.signal);
    if (found === undefined) return;
    const isUnknown = found.type === "refused" && found.problems.some(({ code }) => code === modelNotFound);
    if (isUnknown && !areModelsKnown()) run.hasFailed = true;
    else await apply(run.target, found);
  }

  async function readAhead(run: Run, answered: NonNullable<Run["answered"]>): Promise<void> {
    const lines: Line[] = [];
    let { next } = run;
    let { left } = answered;
    let bytes = 0;
    let isRead = true;
    const mostBytes = aheadBytes / Math.max(1, active.size);
    for await (const [line, end] of readInput({ ...inputOf(run), from: next })) {
      if (run.stopping.signal.aborted) return;
      next = end;
      if ("code" in line) continue;
      if (left > 0 && answered.ids.has(line.customId)) {
        left -= 1;
        continue;
      }
      lines.push(line);
      bytes += line.body.length;
      if (lines.length < aheadLines && bytes < mostBytes) continue;
      isRead = false;
      break;
    }
    // After an error the same lines are read again.
    Object.assign(run, { next, isRead, answered: left === 0 ? noneAnswered : { ids: answered.ids, left } });
    run.waiting.push(...grouped(lines));
  }

  async function ask(placed: PlacedLine<Run>): Promise<void> {
    const { batch: run, line, model } = placed;
    const { signal } = run.stopping;
    const answer = await front.answer(line, run.target.record, signal).catch(() => undefined);
    window.release(placed);
    if (answer === undefined) {
      if (signal.aborted) return;
      // Others come first: this one may fail again.
      run.waiting.push(line);
      hold(run, model);
      return;
    }
    run.holds.get(model)?.backoff.reset();
    // The place is free while the disk is busy.
    fill();
    await write(run, line, answer);
  }

  function hold(run: Run, model: string): void {
    const held = run.holds.get(model) ?? { backoff: createBackoff({ delaysMs: askAgainMs, jitter }), timer: undefined };
    run.holds.set(model, held);
    held.timer ??= clock.setTimeout(() => {
      held.timer = undefined;
      wantTurn(run);
      fill();
    }, held.backoff.next());
  }

  async function write(run: Run, line: Line, answer: LineAnswer): Promise<void> {
    const { target, stopping } = run;
    const { file, text } = front.shapes[target.record.dialect].resultLine(line, answer);
    run.unwritten += 1;
    for (;;) {
      try {
        const written = await target.results.append(file, [text]);
        run.unwritten -= 1;
        run.isStuck = false;
        run.isReported = false;
        onResults(target, written);
        return;
      } catch (error) {
        run.isStuck = true;
        fail(run, error);
        await untilBeat(stopping.signal);
        // The line is asked again after a restart.
        if (stopping.signal.aborted) return;
      }
    }
  }

  async function untilBeat(signal: AbortSignal): Promise<void> {
    const waited = deferred<void>();
    const timer = clock.setTimeout(() => waited.resolve(), beatMs);
    const unlisten = onAbort(signal, () => waited.resolve());
    await waited.promise;
    timer.cancel();
    unlisten();
  }

  async function finish(run: Run): Promise<void> {
    const { target, stopping } = run;
    const isOver = run.isRead && run.waiting.length === 0 && run.busy === 0 && !run.hasFailed;
    if (!isOver || stopping.signal.aborted || target.record.status !== "in_progress") return;
    await work(run, async () => {
      await target.results.close();
      await apply(target, { type: "answered" });
    });
  }

  async function stop(batch: RunnableBatch): Promise<void> {
    const run = runs.get(batch);
    if (run !== undefined) {
      runs.delete(batch);
      active.delete(run);
      run.stopping.abort();
      for (const { timer } of run.holds.values()) timer?.cancel();
      ending.set(batch, run.settled.wait());
      fill();
    }
    await ending.get(batch);
    await batch.results.close();
  }

  return {
    start(batch) {
      if (isClosed || runs.has(batch)) return;
      const run: Run = {
        target: batch,
        client: batch.record.client,
        ...{ stopping: new AbortController(), earlier: ending.get(batch) ?? Promise.resolve() },
        settled: createCondition(() => run.busy === 0),
        ...{ holds: new Map(), waiting: [], places: 0, lastTurn: 0, turn: "none", next: inputStart },
        ...{ isReading: false, isRead: false, answered: undefined, busy: 0, unwritten: 0 },
        ...{ isStuck: false, hasFailed: false, isReported: false },
        isHeld: (model) => run.holds.get(model)?.timer !== undefined,
      };
      runs.set(batch, run);
      wantTurn(run);
      fill();
    },
    stop,
    isAsking: (batch) => (runs.get(batch)?.places ?? 0) > 0,
    async close() {
      isClosed = true;
      beat?.cancel();
      await Promise.allSettled([...runs.keys()].map(stop));
    },
  };
}

const noneAnswered = { ids: createIdSet(""), left: 0 };

/** Lines with the same model and prefix follow each other, in the order of their first ones: they share the KV cache of the prefix. */
function grouped(lines: readonly Line[]): readonly Line[] {
  const ranks = new Map<string, number>();
  const rankOf = (key: string): number => ranks.get(key) ?? ranks.set(key, ranks.size).size - 1;
  return lines
    .map((line) => ({ line, model: rankOf(line.model ?? ""), prefix: rankOf(`\n${line.prefix}`) }))
    .toSorted((a, b) => a.model - b.model || a.prefix - b.prefix)
    .map(({ line }) => line);
}
