// Runs batches: checks their inputs, reads their lines ahead, asks for the answers and writes the results. Some batches have a turn at a time, in
// which they read ahead; the others wait for theirs. After a pause or a restart a batch reads its input from the start, without the answered lines.
import { createBackoff, createCondition, createHoldings, inBackground } from "@waggle/async";
import type { Backoff, Clock, Condition, TimerHandle } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import type { BatchInput, BatchRecord } from "./batch.ts";
import { checkInput, inputStart, modelNotFound, readInput } from "./batch-input.ts";
import type { InputOptions, InputPlace } from "./batch-input.ts";
import { createIdSet } from "./id-set.ts";
import type { IdSet } from "./id-set.ts";
import type { LaneFront, LaneModel, Line, ReadResult, ResultLine } from "./lane-port.ts";
import { createLineWindow } from "./line-window.ts";
import type { PlacedLine, WaitingLines } from "./line-window.ts";
import type { Results } from "./results.ts";

/** A batch that may run. The record changes. */
export interface RunnableBatch {
  readonly record: BatchRecord;
  /** Path of its input. */
  readonly input: string;
  readonly results: Results;
}

export interface LaneRunner {
  /** Checks or runs the batch, as its status says. Does nothing for a batch that runs. */
  start(batch: RunnableBatch): void;
  /** Takes back all lines. Resolves when what was answered is on disk. @throws Error of node:fs */
  stop(batch: RunnableBatch): Promise<void>;
  /** Why no line of the batch is answered now; undefined for a batch that gets answers, or does not run. */
  reasonOf(batch: RunnableBatch): string | undefined;
  /** Stops all batches. Never rejects. */
  close(): Promise<void>;
}

export interface LaneRunnerOptions {
  readonly front: LaneFront;
  readonly clock: Clock;
  readonly maxLineBytes: number;
  /** Time in which names of models may be unknown that are served: a gateway's workers report theirs. */
  readonly modelsKnownAfterMs?: number;
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
/** Answers of a batch that a slow disk may let wait. */
const mostUnwritten = 64;
/** Time until the disk, and a model that is not known, are tried again. */
const retryMs = 5_000;
/** Time between two looks at what may be tried again. */
const beatMs = 1_000;

interface Run extends WaitingLines {
  readonly target: RunnableBatch;
  readonly stopping: AbortController;
  /** The end of the batch's earlier run. */
  readonly earlier: Promise<void>;
  readonly settled: Condition;
  /** Models without an answer, until when their lines wait, and why. */
  readonly holds: Map<string, { readonly backoff: Backoff; until: number; why: string | undefined }>;
  readonly unwritten: Set<ResultLine>;
  /** The number of its last turn. */
  turn: number;
  next: InputPlace;
  isReading: boolean;
  isWriting: boolean;
  /** Whether the whole input was read. */
  isRead: boolean;
  /** Ids of lines that an earlier run has answered, and how many of them were not read yet. */
  answered: { readonly ids: IdSet; readonly left: number } | undefined;
  /** Reading, asking and writing that has not ended. */
  busy: number;
  /** Until then, nothing is read or written. */
  retryAt: number;
  /** The failure of the disk, or of the search for the model, that was reported. Until a result is written or the input is checked. */
  problem: string | undefined;
}

export function createLaneRunner(options: LaneRunnerOptions): LaneRunner {
  const {
    front,
    clock,
    maxLineBytes,
    modelsKnownAfterMs = 0,
    apply,
    onResults,
    onPlaces,
    requireRoom,
    onHeld,
  } = options;
  const knownAt = clock.now() + modelsKnownAfterMs;
  const runs = new Map<RunnableBatch, Run>();
  const ending = new WeakMap<RunnableBatch, Promise<void>>();
  /** Batches that have a turn. */
  const active = createHoldings<Run>();
  const window = createLineWindow<Run>(modelOf);
  let turns = 0;
  /** Whether a batch without a turn may have use for one. Time changes that for many batches, which are looked at once a beat, not with each line. */
  let mayHaveNext = true;
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

  function inputOf({ target: { record, input: path } }: Run): InputOptions {
    return { path, record, shape: front.shapes[record.dialect], maxLineBytes };
  }

  // ---- turns ----------------------------------------------------------------------------------------------------------

  /** Called after each change. */
  function fill(): void {
    if (isClosed) return;
    for (const run of active) if (!usesTurn(run)) endTurn(run);
    while (active.count < maxTurns) {
      const run = nextRun();
      if (run === undefined) break;
      run.turn = turns += 1;
      active.set(run.client, run, 1);
    }
    for (const run of active) if (canRead(run) && !window.canUse(run)) begin(run, () => read(run));
    for (;;) {
      // Each line may take the rest of its client's quota.
      const placed = window.take([...active].filter(mayAsk));
      if (placed === undefined) break;
      begin(placed.batch, () => ask(placed));
    }
    onPlaces(window.places);
    beat ??= runs.size === 0 ? undefined : clock.setTimeout(onBeat, beatMs);
  }

  /** Clients take turns, then their batches. */
  function nextRun(): Run | undefined {
    if (!mayHaveNext) return undefined;
    const turnsOf = ({ client }: Run): number => active.of(client).count;
    let best: Run | undefined;
    for (const run of runs.values()) {
      if (active.has(run) || !(canRead(run) || canAsk(run))) continue;
      if (best === undefined || (turnsOf(run) - turnsOf(best) || run.turn - best.turn) < 0) best = run;
    }
    mayHaveNext = best !== undefined;
    return best;
  }

  function usesTurn(run: Run): boolean {
    return run.isReading || canAsk(run) || (canRead(run) && nextRun() === undefined);
  }

  function canAsk(run: Run): boolean {
    return run.waiting.length > 0 && mayAsk(run) && window.canUse(run);
  }

  /** Not while the disk refuses an answer. A client that waits for its quota holds no place of a model. */
  function mayAsk({ unwritten, problem, client }: Run): boolean {
    if (unwritten.size > 0 && (problem !== undefined || unwritten.size >= mostUnwritten)) return false;
    return front.refusalFor(client) === undefined;
  }

  function canRead(run: Run): boolean {
    return !run.isReading && !run.isRead && mayTry(run) && run.waiting.length < aheadLines;
  }

  function mayTry({ retryAt }: Run): boolean {
    return clock.now() >= retryAt;
  }

  function retryLater(run: Run, times = 1): void {
    run.retryAt = clock.now() + times * retryMs;
  }

  function endTurn(run: Run): void {
    active.remove(run);
    const isBusy = run.busy > 0 || run.unwritten.size > 0;
    if (isBusy || canRead(run) || run.waiting.length === 0 || runs.size <= maxTurns) return;
    // The lines wait for another try. They are read again then: those of all batches would need too much memory.
    run.waiting.length = 0;
    Object.assign(run, { next: inputStart, isRead: false, answered: undefined });
    retryLater(run, Math.ceil(runs.size / maxTurns));
  }

  function onBeat(): void {
    beat = undefined;
    mayHaveNext = true;
    for (const run of runs.values()) {
      write(run);
      inBackground("end a batch", finish(run));
    }
    fill();
  }

  /** Does a part of a run. An error of the disk is tried again later. */
  async function work(run: Run, part: () => Promise<void>): Promise<void> {
    run.busy += 1;
    try {
      await part();
    } catch (error) {
      retryLater(run);
      if (run.problem === undefined && !run.stopping.signal.aborted) onHeld(run.target, error);
      run.problem = error instanceof Error ? error.message : String(error);
    }
    run.busy -= 1;
    mayHaveNext ||= !active.has(run);
    run.settled.check();
    await finish(run);
    fill();
  }

  const begin: (...part: Parameters<typeof work>) => void = (...part) => inBackground("run a batch", work(...part));

  // ---- lines ----------------------------------------------------------------------------------------------------------

  async function read(run: Run): Promise<void> {
    const { target, stopping } = run;
    run.isReading = true;
    try {
      await run.earlier;
      if (target.record.status === "validating") await check(run);
      if (stopping.signal.aborted || target.record.status !== "in_progress") return;
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
    run.problem = undefined;
    if (isUnknown && !areModelsKnown()) {
      [run.problem] = found.problems.map(({ message }) => message);
      return retryLater(run);
    }
    await apply(run.target, found);
  }

  async function readAhead(run: Run, answered: NonNullable<Run["answered"]>): Promise<void> {
    const lines: Line[] = [];
    let { next } = run;
    let { left } = answered;
    let bytes = 0;
    let isRead = true;
    const mostBytes = aheadBytes / Math.max(1, active.count);
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
    const { record } = run.target;
    const { signal } = run.stopping;
    const answer = await front.answer(line, record, signal).catch(() => undefined);
    window.release(placed);
    const held = run.holds.get(model);
    if (typeof answer === "object") {
      if (held !== undefined) held.why = undefined;
      held?.backoff.reset();
      run.unwritten.add(front.shapes[record.dialect].resultLine(line, answer));
      write(run);
    } else if (!signal.aborted) {
      // Others come first: this one may fail again.
      run.waiting.push(line);
      const { backoff, until } = held ?? { backoff: createBackoff({ delaysMs: askAgainMs }), until: 0 };
      const now = clock.now();
      run.holds.set(model, { backoff, until: until > now ? until : now + backoff.next(), why: answer });
    }
  }

  function write(run: Run): void {
    if (run.unwritten.size > 0 && !run.isWriting && mayTry(run)) begin(run, () => writeAll(run));
  }

  async function writeAll(run: Run): Promise<void> {
    run.isWriting = true;
    try {
      for (let [first] = run.unwritten; first !== undefined; [first] = run.unwritten) {
        const { file } = first;
        const lines = [...run.unwritten].filter((line) => line.file === file);
        const written = await run.target.results.append(
          file,
          lines.map(({ text }) => text),
        );
        for (const line of lines) run.unwritten.delete(line);
        run.problem = undefined;
        onResults(run.target, written);
        fill();
      }
    } finally {
      run.isWriting = false;
    }
  }

  async function finish(run: Run): Promise<void> {
    const { target, stopping } = run;
    const isOver = run.isRead && run.waiting.length === 0 && run.unwritten.size === 0 && run.busy === 0 && mayTry(run);
    if (!isOver || stopping.signal.aborted || target.record.status !== "in_progress") return;
    await work(run, async () => {
      await target.results.close();
      await apply(target, { type: "answered" });
    });
  }

  function reasonOf(run: Run): string | undefined {
    const { target, problem, holds, places, client, waiting, isRead } = run;
    const { status, model: checked } = target.record;
    if (problem !== undefined || status !== "in_progress") return problem;
    const model = servedModel(checked);
    if (places === 0) {
      // A batch without a turn may have no lines in memory.
      const refusal = isRead && waiting.length === 0 ? undefined : front.refusalFor(client);
      if (refusal !== undefined) return refusal;
      const isMissing = checked !== undefined && model?.name !== checked;
      if (isMissing || (waiting.length > 0 && waiting.every((line) => modelOf(line, run) === undefined)))
        return missing(checked ?? waiting[0]?.model);
    }
    const held = [...holds.values()].find(({ why }) => why !== undefined);
    if (held !== undefined) return held.why;
    return places > 0 && model?.isLoaded === false ? `Model ${model.name} is not loaded.` : undefined;
  }

  /** Why no line has a model that is served. */
  function missing(name: string | undefined): string {
    try {
      front.model(name);
      return `${name === undefined ? "The default model" : `Model ${name}`} is not served now.`;
    } catch (error) {
      return WaggleError.from(error).message;
    }
  }

  async function stop(batch: RunnableBatch): Promise<void> {
    const run = runs.get(batch);
    if (run !== undefined) {
      runs.delete(batch);
      active.remove(run);
      run.stopping.abort();
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
        ...{ holds: new Map(), waiting: [], unwritten: new Set(), places: 0, lastTurn: 0, turn: 0, next: inputStart },
        ...{ isReading: false, isWriting: false, isRead: false, answered: undefined },
        ...{ busy: 0, retryAt: 0, problem: undefined },
        isHeld: (model) => (run.holds.get(model)?.until ?? 0) > clock.now(),
      };
      runs.set(batch, run);
      mayHaveNext = true;
      fill();
    },
    stop,
    reasonOf(batch) {
      const run = runs.get(batch);
      return run && reasonOf(run);
    },
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
