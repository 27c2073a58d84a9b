// Runs the engine's loop: scheduling point, one forward pass, postprocessing. Between passes the loop awaits only the backend.
import { deferred } from "@waggle/async";
import { createAdapterTurns } from "./adapters.ts";
import type { Backend, BatchEntry, EntryResult } from "../port/backend.ts";
import type { SchedulingPoint } from "./scheduling-point.ts";
import { usedCells } from "./cells.ts";
import { contextCapacity, planShift } from "./context-shift.ts";
import type { Embeddings } from "../texts/embeddings.ts";
import type { EngineEvent, StepStats } from "../port/messages.ts";
import type { Outbox } from "./outbox.ts";
import type { PieceQueue } from "../sequence/piece-queue.ts";
import type { Load, Pacing } from "../costs/pacing.ts";
import { ownerOf, type Shares } from "../costs/shares.ts";
import type { SlotGuesses } from "./slot-guesses.ts";
import { shapeOf, type StepShape } from "../costs/step-shape.ts";
import { postprocess } from "./postprocess.ts";
import { cellsOf } from "../port/entries.ts";
import { generatorOf } from "../sequence/prepare.ts";
import { ageWaiting, countScored, countTokens, nextPrompt, readsText, runsOf, schedule } from "./schedule.ts";
import { createSlotPictures } from "./slot-pictures.ts";
import { createSlotShares } from "./slot-shares.ts";
import { sequenceOf, type Slot } from "./slots.ts";
import type { ThreadChange } from "../costs/threads.ts";

export interface StepLoopOptions {
  readonly backend: Backend;
  readonly slots: readonly Slot[];
  readonly schedulingPoint: SchedulingPoint;
  readonly embeddings: Pick<Embeddings, "size" | "tokenizing" | "ready" | "run">;
  readonly pacing: Pacing;
  readonly shares: Shares;
  readonly guessing: SlotGuesses;
  readonly pieces: PieceQueue;
  readonly emit: (event: EngineEvent) => void;
  readonly outbox: Outbox;
  readonly now: () => number;
  /** Called when the limit of threads has changed. */
  readonly onThreadChange: (change: ThreadChange) => void;
}

export interface StepLoop {
  /** Number of forward passes that have ended. */
  readonly passes: number;
  /** Runs until `leave`. @throws the backend's error, after which the backend is unusable */
  run(): Promise<void>;
  /** Must be called after a change to slots or waiting jobs, so that the loop handles the change. */
  wake(): void;
  /**
   * Saves the cache of an idle slot if nothing was computed since the last call. To be called regularly.
   * @param freeCores number of cores, with fractions, that no other process used since the last call; with this number, more
   * threads are tried only when cores are free for them
   */
  maintain(freeCores?: number): void;
  /** Ends the loop at the next scheduling point. */
  leave(): void;
}

/** What computes long in a round, in addition to the decoding slots. */
const pieces = ["texts", "picture", "prompt"] as const;
type Piece = (typeof pieces)[number];

function decodingOf(slots: readonly Slot[]): readonly Slot[] {
  return slots.filter(({ state }) => state === "decoding");
}

export function createStepLoop(options: StepLoopOptions): StepLoop {
  const { backend, slots, embeddings, pacing, guessing, outbox, now } = options;
  const turns = createAdapterTurns();
  const pictures = createSlotPictures({
    encoder: backend.generator?.pictures,
    slots,
    pacing,
    pieces: options.pieces,
    emit: options.emit,
    now,
    onChange: () => wake(),
  });
  const slotShares = createSlotShares({ shares: options.shares, backend, slots, pacing });
  let { threads } = backend.info;
  let passes = 0;
  let leaving = false;
  let maintaining = false;
  let passesAtMaintenance = 0;
  let woken = deferred<void>();
  /** When the last pass or piece of a text ended; undefined when the loop has rested since. */
  let lastEndMs: number | undefined;
  /** Number of contexts shifted since the last pass. */
  let shifts = 0;
  /** The last piece of a round. Kinds of pieces take turns, one in a round, so that streams do not wait long. */
  let lastPiece: Piece = "prompt";
  /** Stats of the last pass, until they are sent. */
  let lastPass: StepStats | undefined;

  function loadOf(of: readonly Slot[]): Load {
    const decoding = decodingOf(of);
    return {
      runs: runsOf(decoding).map(({ length }) => length),
      heldTokens: decoding.reduce((sum, { held }) => sum + held.entries.length, 0),
      prompts: of.filter(readsText).length,
      promptHeld: nextPrompt(of)?.held.entries.length,
    };
  }

  /** Records whose work could be computed now. */
  function contend(): void {
    const ready = slots.filter(
      (slot) => slot.state === "decoding" || readsText(slot) || pictures.next([slot]) !== undefined,
    );
    slotShares.contend(now(), ready, embeddings.ready());
  }

  /** The slots whose jobs are not left out of this round. */
  function allowed(): readonly Slot[] {
    return slots.filter(slotShares.mayCompute);
  }

  function nextPiece(): Piece | undefined {
    const mine = allowed();
    const isReady = {
      texts: embeddings.ready().some((job) => !options.shares.waits(ownerOf(job))),
      picture: pictures.next(mine) !== undefined,
      prompt: nextPrompt(mine) !== undefined,
    };
    const first = pieces.indexOf(lastPiece) + 1;
    return [...pieces.slice(first), ...pieces.slice(0, first)].find((piece) => isReady[piece]);
  }

  /** @param isPromptsTurn false when this round has computed another piece: prompts then wait */
  function plan(isPromptsTurn: boolean): BatchEntry[] {
    const taking = turns.next(allowed());
    const load = loadOf(taking);
    const planned = pacing.plan(load);
    const scoredTokens = Math.min(planned.scoredTokens, backend.generator?.maxNextLogprobs ?? 0);
    const limits = { ...planned, scoredTokens };
    const guesses = guessing.next(decodingOf(taking), load);
    const entries = schedule(taking, isPromptsTurn ? limits : { ...limits, prefillBudget: 0 }, guesses);
    ageWaiting(slots, entries);
    return entries;
  }

  function useThreads(wanted: number): void {
    if (wanted !== threads) backend.setThreads(wanted);
    threads = wanted;
  }

  /** Shifts full contexts. Only jobs with `contextShift` fill their context here: any other job ends with the context's last token. */
  async function shiftFull(): Promise<void> {
    const { contextSize } = backend.info;
    for (const { id, state, held, promptTokens } of slots) {
      if (state !== "decoding" || held.entries.length < contextCapacity(contextSize)) continue;
      const shift = planShift(held.entries.length, promptTokens, contextSize);
      await generatorOf(backend).shift(id, shift.keep, shift.discard);
      held.shift(shift);
      shifts += 1;
    }
  }

  /** Computes a piece of an embed job. Returns whether there was one. */
  async function embed(): Promise<boolean> {
    const computed = await embeddings.run(pacing.piece(loadOf(allowed())), sendLastPass);
    if (computed && lastEndMs !== undefined) lastEndMs = now();
    return computed;
  }

  /** Computes a piece of a picture in a separate pass. Returns whether there was one. */
  async function computePicture(): Promise<boolean> {
    const encoder = backend.generator?.pictures;
    const mine = allowed();
    const load = loadOf(mine);
    const slot = pictures.next(mine);
    if (slot === undefined || encoder === undefined) return false;
    const { held } = slot;
    const piece = pictures.pieceOf(slot, pacing.cells({ ...load, prompts: load.prompts + 1 }, held.entries.length));
    const { chunk, first, count } = piece;
    const tokens = Array<number>(count).fill(0);
    const entry = { slot: slot.id, from: held.entries.length, tokens, sample: false };
    const shape = shapeOf([entry], generatorOf(backend));
    const pay = slotShares.payersOf([entry]);
    useThreads(pacing.threads(shape));
    const startMs = now();
    held.feed(cellsOf(chunk).slice(first, first + count));
    const computing = encoder.feed(piece);
    sendLastPass();
    await computing;
    const endMs = now();
    passes += 1;
    const ms = endMs - startMs;
    pay(ms);
    lastPass = statsOf(
      { width: 1, decodeRows: 0, tokens: count },
      { scored: 0, guessed: 0, rightGuesses: 0 },
      { passMs: ms, gapMs: startMs - (lastEndMs ?? startMs) },
    );
    lastEndMs = endMs;
    noteThreads(pacing.observe(shape, { threads, ms, scored: 0 }));
    options.emit({ type: "picture", operation: "compute", cells: count, ms });
    if (slot.state !== "prefilling") return true;
    const progress = sequenceOf(slot).progress(held.entries.length, endMs);
    if (progress !== undefined) outbox.add(progress);
    return true;
  }

  async function runPass(entries: readonly BatchEntry[]): Promise<void> {
    const generator = generatorOf(backend);
    const shape = shapeOf(entries, generator);
    const pay = slotShares.payersOf(entries);
    useThreads(pacing.threads(shape));
    const decodeRows = entries.filter(({ slot }) => slotAt(slot).state === "decoding").length;
    const startMs = now();
    for (const { slot, tokens } of entries) slotAt(slot).held.feed(tokens);
    // The last pass's events are sent while this pass computes, because sending takes as long as a small model's pass.
    const running = generator.step(entries, sendLastPass);
    pictures.leaveThreads();
    const results = await running;
    const endMs = now();
    passes += 1;
    // If every entry failed before the pass began, the backend has not called `sendLastPass`.
    if (lastPass !== undefined) sendLastPass();
    pay(endMs - startMs);
    const times = { passMs: endMs - startMs, gapMs: startMs - (lastEndMs ?? startMs) };
    takeIn(entries, results, { shape, decodeRows, times, endMs });
  }

  function slotAt(id: number): Slot {
    const slot = slots[id];
    if (slot === undefined) throw new Error(`Cannot run slot ${id}: there is no such slot`);
    return slot;
  }

  function takeIn(
    entries: readonly BatchEntry[],
    results: readonly EntryResult[],
    pass: {
      readonly shape: StepShape;
      readonly decodeRows: number;
      readonly times: Pick<StepStats, "passMs" | "gapMs">;
      readonly endMs: number;
    },
  ): void {
    const { shape, decodeRows, times, endMs } = pass;
    let [guessed, rightGuesses] = [0, 0];
    for (const [i, { slot, guesses = [] }] of entries.entries()) {
      const result = results[i];
      const right = result?.kind === "token" ? (result.behind?.length ?? 0) : 0;
      slotAt(slot).held.feed(guesses.slice(0, right));
      guessed += guesses.length;
      rightGuesses += right;
    }
    outbox.add(...postprocess(slots, entries, results, backend, endMs));
    const scored = countScored(entries);
    lastPass = statsOf(
      { width: entries.length, decodeRows, tokens: countTokens(entries) },
      { scored, guessed, rightGuesses },
      times,
    );
    lastEndMs = endMs;
    shifts = 0;
    noteThreads(pacing.observe(shape, { threads, ms: times.passMs, scored }));
  }

  function statsOf(
    work: Pick<StepStats, "width" | "decodeRows" | "tokens">,
    extra: Pick<StepStats, "scored" | "guessed" | "rightGuesses">,
    times: Pick<StepStats, "passMs" | "gapMs">,
  ): StepStats {
    const parked = slots.filter(({ state }) => state === "parked").length;
    return { step: passes, ...work, ...extra, ...times, shifts, threads, cells: usedCells(slots), parked };
  }

  function noteThreads(change: ThreadChange | undefined): void {
    if (change !== undefined) options.onThreadChange(change);
  }

  function wake(): void {
    woken.resolve();
  }

  function takeMaintenance(): boolean {
    const maintenance = maintaining;
    maintaining = false;
    return maintenance;
  }

  function sendLastPass(): void {
    const stats = lastPass;
    lastPass = undefined;
    outbox.flush(stats);
  }

  async function rest(): Promise<void> {
    const { pieces } = options;
    sendLastPass();
    lastEndMs = undefined;
    // Maintenance wakes the loop regularly. A beat says that no pass hangs, and that a picture is encoded or work is prepared, within time limits.
    if (pieces.takeSign() || pictures.encoding) outbox.beat();
    if (embeddings.size === 0) return await woken.promise;
    await Promise.race([woken.promise, embeddings.tokenizing]);
  }

  return {
    get passes() {
      return passes;
    },
    async run() {
      while (!leaving) {
        if (woken.settled) woken = deferred();
        // Before the scheduling point: a shift frees cells, and a job whose context is full cannot be parked, because its last token has no room.
        await shiftFull();
        await options.schedulingPoint.run({ passes, maintenance: takeMaintenance(), underway: sendLastPass });
        pictures.follow();
        contend();
        const piece = nextPiece();
        lastPiece = piece ?? lastPiece;
        const computed = (piece === "texts" && (await embed())) || (piece === "picture" && (await computePicture()));
        // A job that was cancelled during the picture's pass leaves its slot before the next pass.
        if (piece === "picture")
          await options.schedulingPoint.run({ passes, maintenance: false, underway: sendLastPass });
        const entries = plan(!computed);
        if (entries.length > 0) await runPass(entries);
        else if (!computed) await rest();
      }
      sendLastPass();
    },
    wake,
    maintain(freeCores) {
      if (freeCores !== undefined) noteThreads(pacing.recordFreeCores(freeCores));
      maintaining = passes === passesAtMaintenance;
      passesAtMaintenance = passes;
      if (maintaining) wake();
    },
    leave() {
      leaving = true;
      wake();
    },
  };
}
