// Runs random schedules of submissions and cancels on the fake backend, many with a context pool that is often full and many with pictures. A failed test names the seed of its schedule; a run
// with this seed repeats the schedule.
import { deferred } from "@waggle/async";
import { WaggleError, type StepCosts } from "@waggle/protocol";
import { describe, expect, inject, test } from "vitest";
import type { Backend } from "../port/backend.ts";
import type { Entries, Held, HeldEntry, KvSnapshots } from "../port/kv.ts";
import type { PictureEncoder } from "../port/pictures.ts";
import type { PromptInput, PromptPiece } from "../port/prompts.ts";
import type { EntryResult } from "../port/steps.ts";
import { isCell, wholeChunks } from "../port/entries.ts";
import { withGenerator } from "../testing/engine-harness.ts";
import { expectVectors } from "../testing/expect-scores.ts";
import { createRandom, mostCells, randomDecide, randomJob } from "../testing/random-jobs.ts";
import { createEngine } from "./engine.ts";
import { createFakeBackend, type FakeBackend } from "../fake/fake-backend.ts";
import { expectedFakeText, readFakePrompt } from "../fake/fake-model.ts";
import { createFakeKvSnapshots } from "../testing/fake-kv-snapshots.ts";
import type { EngineEvent, EngineJob, JobEvent } from "../port/messages.ts";
import type { DecideWork, GenerateWork } from "../port/work.ts";
import { conversationOf } from "../decide/prepare-decide.ts";

const schedules = inject("runs").engineSchedules;
const firstSeed = inject("seed");

/** Counts over all schedules so far. */
let parks = 0;
let copies = 0;
/** Counts of decide jobs. */
const decided = { finished: 0, reused: 0, "cancelled after a reading": 0 };
let guessed = 0;
let rightGuesses = 0;
const transfers = { save: 0, load: 0, damaged: 0 };
/** Counts: chunks of pictures that were encoded, failed or were given up, and prompts that reused chunks. */
const pictured = { encoded: 0, failed: 0, "given up": 0, "given up while hanging": 0, reused: 0, parked: 0 };

/** Guesses always pay where each of the rows costs nothing. */
const freeRows: StepCosts = {
  threads: [{ threads: 1, decode: [1, 2, 512].map((rows) => ({ rows, ms: 1 })), prompt: [] }],
  context: { row_ms: 0, tile_ms: 0 },
};

const outOfMemory = new Error("out of memory");

type SlotJob = EngineJob<GenerateWork | DecideWork>;

interface JobRecord {
  readonly job: SlotJob;
  readonly events: JobEvent[];
  /** Number of passes that had ended when the job was cancelled. */
  cancelledAt: number | undefined;
}

/**
 * Runs one engine through the random schedule of this seed, and checks the invariants meanwhile. Returns all jobs with their
 * events.
 */
async function simulate(seed: number): Promise<readonly JobRecord[]> {
  const random = createRandom(seed);
  /** Whether answers repeat, and most jobs take guesses. */
  const repeats = seed % 4 < 2;
  const sees = seed % 3 > 0;
  /** Whether some jobs are decide jobs. */
  const decides = seed % 2 === 0;
  const slots = 1 + random.below(5);
  const contextSize = 64 + random.below(64);
  const lastStarted: (JobRecord | undefined)[] = [];
  /** Copies since the last pass began: the start of the job in the source may not be sent yet. */
  let unsentCopies: { readonly from: number; readonly to: number }[] = [];
  const cancels = random.pick([0, 0.01, 0.06]);
  const records = new Map<string, JobRecord>();
  /** The tokens that each slot held before its latest job began. */
  const heldBefore: (readonly HeldEntry[])[] = [];
  /** What the engine takes each slot to hold, since its latest job began. */
  const heldNow: (Held | undefined)[] = [];
  /** The job or snapshot that these tokens came from; undefined after a failed entry or a failed load. */
  const ownerBefore: ({ readonly cacheScope: string } | undefined)[] = [];
  let toSubmit = 4 + random.below(16);
  /** For each chunk that slots need, their number. */
  const needed = new Map<string, number>();
  let encoding: { readonly id: string; readonly hangs: boolean; readonly end: () => void } | undefined;
  /** The signals of encodings that failed. The engine has to log a failure, unless it gives up the encoding at the same time. */
  const faults: (AbortSignal | undefined)[] = [];
  let loggedFaults = 0;
  /** Passes that computed pieces of pictures. */
  let picturePasses = 0;
  let ms = 0;
  let violation: Error | undefined;

  const states = createFakeKvSnapshots();
  const fake = createFakeBackend({
    slots,
    contextSize,
    contextPool: Math.floor(contextSize * (1 + random.pick([0, 0.2, 0.5, 1, slots - 1]) * Math.min(1, slots - 1))),
    copies: random.chance(0.5),
    batchSize: (sees ? Math.max(slots, mostCells) : slots) + random.below(40),
    readsPictures: sees,
    encodeGate: async ({ id }) => holdEncoding(id),
    gate: async () => interfere(),
    saved: states,
  });
  const engine = createEngine({
    backend: interferedWith(fake),
    limits: {
      prefillBudget: 1 + random.below(24),
      prefixStoreBytes: random.pick([0, 90, 1000, 1000]),
      maxWaiting: 6,
      preparedBytes: random.pick([0, 2_000, 1_000_000]),
      headroomCells: random.pick([1, 1, 8, 256]),
    },
    now: () => (ms += 0.25),
    ...(repeats ? { stepCosts: freeRows } : {}),
    random32: () => 1,
    emit(event) {
      try {
        take(event);
      } catch (error) {
        violation ??= error instanceof Error ? error : new Error(String(error));
      }
    },
  });

  const passesEnded = (): number => fake.stepsEnded + picturePasses;

  /** Lets an encoding end, fail or hang. An encoding that hangs ends when no job needs it. */
  async function holdEncoding(id: string): Promise<void> {
    const open = deferred<void>();
    encoding = { id, hangs: random.chance(0.1), end: () => open.resolve() };
    interfere();
    await open.promise;
    if (random.chance(0.9)) return;
    pictured.failed += 1;
    if (random.chance(0.5)) throw new WaggleError("invalid_argument", "Cannot read picture 1: its pixels are damaged.");
    throw outOfMemory;
  }

  function endEncoding(): void {
    if (encoding?.hangs === false && random.chance(0.3)) encoding.end();
    else if (random.chance(encoding?.hangs === true ? 0.05 : cancels)) {
      for (const { job } of records.values()) {
        if (job.work.pictures?.some(({ sha256 }) => sha256 === encoding?.id) === true) cancelJob(job.jobId);
      }
    }
  }

  /** Wraps the encoder: checks that the slots hold what is computed, and that only one chunk is encoded at a time. */
  function watchedPictures(inner: PictureEncoder): PictureEncoder {
    return {
      ...inner,
      async encode(chunk, ...rest) {
        expect(encoding, "encodings that run already").toBeUndefined();
        expect(inner.has(chunk), "the chunk is encoded already").toBe(false);
        const { signal } = rest[1].pieces;
        try {
          await inner.encode(chunk, ...rest);
        } catch (error) {
          if (error === outOfMemory) faults.push(signal);
          throw error;
        } finally {
          if (signal?.aborted === true) pictured[encoding?.hangs === true ? "given up while hanging" : "given up"] += 1;
          encoding = undefined;
        }
        pictured.encoded += 1;
        interfere();
      },
      hold(chunk) {
        needed.set(chunk.id, (needed.get(chunk.id) ?? 0) + 1);
        inner.hold(chunk);
      },
      release(chunk) {
        const left = (needed.get(chunk.id) ?? 0) - 1;
        expect(left, "slots that need a chunk").toBeGreaterThanOrEqual(0);
        needed.set(chunk.id, left);
        inner.release(chunk);
      },
      async feed(piece) {
        const { slot, chunk, count } = piece;
        expect(needed.get(chunk.id), "slots that need the computed chunk").toBeGreaterThan(0);
        expect(heldNow[slot]?.entries, "what the slot holds, with the cells of this pass").toEqual([
          ...fake.heldEntries(slot),
          ...Array.from({ length: count }, () => chunk.entry),
        ]);
        const computed = inner.feed(piece);
        unsentCopies = [];
        await computed;
        picturePasses += 1;
      },
    };
  }

  /** Wraps the backend so that commands arrive whenever the engine awaits it. */
  function interferedWith(backend: FakeBackend): Backend {
    return withGenerator<FakeBackend>((generator) => ({
      states: generator.states === undefined ? undefined : interferedStates(generator.states),
      pictures: generator.pictures && watchedPictures(generator.pictures),
      async begin(slot, keep, sampling, held, prior) {
        heldBefore[slot] = backend.heldEntries(slot);
        heldNow[slot] = held;
        unsentCopies = unsentCopies.filter(({ from }) => from !== slot);
        interfere();
        const kept = await generator.begin(slot, keep, sampling, held, prior);
        interfere();
        return kept;
      },
      step(entries, underway) {
        for (const { slot, tokens } of entries) {
          expect(heldNow[slot]?.entries, "what the slot holds, with the tokens of this pass").toEqual([
            ...backend.heldEntries(slot),
            ...tokens,
          ]);
        }
        const running = generator.step(entries, underway);
        unsentCopies = [];
        return running.then((results) => passEnded(entries, results));
      },
      async end(slot) {
        interfere();
        await generator.end(slot);
        interfere();
      },
      async cut(slot, keep, held) {
        interfere();
        const kept = await generator.cut(slot, keep, held);
        interfere();
        return kept;
      },
      copy:
        generator.copy &&
        (async (from, to, keep, held) => {
          copies += 1;
          await generator.copy?.(from, to, keep, held);
          ownerBefore[to] = ownerBefore[from];
          unsentCopies.push({ from, to });
          interfere();
        }),
    }))(backend);
  }

  function passEnded(
    entries: readonly { readonly slot: number }[],
    results: readonly EntryResult[],
  ): readonly EntryResult[] {
    entries.forEach(({ slot }, i) => {
      if (results[i]?.kind === "failed") ownerBefore[slot] = undefined;
    });
    return results;
  }

  function interferedStates(inner: KvSnapshots): KvSnapshots {
    return {
      ...inner,
      async save(...what) {
        interfere();
        return await inner.save(...what);
      },
      async load(slot, state) {
        const loaded = await inner.load(slot, state);
        ownerBefore[slot] = loaded ? state : parkedJobOf(slot);
        interfere();
        return loaded;
      },
    };
  }

  /** Returns the parked job of a slot, which announces no second start. */
  function parkedJobOf(slot: number): EngineJob | undefined {
    const record = lastStarted[slot];
    return record?.events.some(({ type }) => type === "parked") === true ? record.job : undefined;
  }

  function interfere(): void {
    if (random.chance(0.01)) states.failSaves(random.chance(0.5));
    if (random.chance(0.05)) states.damageAll();
    while (toSubmit > 0 && random.chance(0.3)) submit();
    if (random.chance(cancels)) cancel();
    if (encoding !== undefined) endEncoding();
  }

  function submit(): void {
    submitJob(withContinuation(randomJob(random, `job${toSubmit--}`, repeats, sees)));
    if (decides && random.chance(0.5)) submitJob(randomDecide(random, `decide${toSubmit}`));
  }

  function submitJob(job: SlotJob): void {
    const { jobId } = job;
    records.set(jobId, { job, events: [], cancelledAt: undefined });
    if (random.chance(0.7)) engine.handle({ type: "prepare", job });
    engine.handle({ type: "start", prepared: jobId, choices: [{ jobId, choice: 0 }] });
  }

  /** Lets some jobs continue another job's text. */
  function withContinuation(job: EngineJob<GenerateWork>): EngineJob<GenerateWork> {
    const record = [...records.values()][random.below(records.size * 3)];
    if (record?.job.work.kind !== "generate") return job;
    const { prompt, pictures } = record.job.work;
    const more = `${textOf(record)}${random.pick(["", " and"])}`;
    return { ...job, work: { ...job.work, prompt: continued(prompt, more), pictures } };
  }

  function cancel(): void {
    const record = [...records.values()][random.below(records.size)];
    if (record !== undefined) cancelJob(record.job.jobId);
  }

  function cancelJob(jobId: string): void {
    const record = records.get(jobId);
    if (record?.events.some(isTerminal) === false) record.cancelledAt ??= passesEnded();
    engine.handle({ type: "cancel", jobId });
  }

  function take(event: EngineEvent): void {
    if (event.type === "log" && /^Cannot encode picture \d+: Error: out of memory$/.test(event.message)) {
      loggedFaults += 1;
      return;
    }
    if (event.type === "broken" || (event.type === "log" && event.level === "error")) throw new Error(event.message);
    if (event.type === "prefix_store" && event.operation !== "underway") transfers[event.operation] += 1;
    if (event.type === "unprepared") prepareAgain(event.jobId);
    if (event.type !== "step") return;
    guessed += event.stats?.guessed ?? 0;
    rightGuesses += event.stats?.rightGuesses ?? 0;
    for (const each of event.events) takeJobEvent(each);
  }

  function prepareAgain(jobId: string): void {
    const record = records.get(jobId);
    if (record === undefined) throw new Error(`Unknown job ${jobId}`);
    engine.handle({ type: "prepare", job: record.job });
  }

  function takeJobEvent(event: JobEvent): void {
    const record = records.get(event.jobId);
    if (record === undefined) throw new Error(`Unknown job ${event.jobId}`);
    record.events.push(event);
    if (event.type === "parked") {
      parks += 1;
      if (record.job.work.pictures !== undefined) pictured.parked += 1;
    }
    if (event.type === "started" && event.slot !== undefined) {
      expect(event.cachedTokens, "the slot keeps all tokens that it may").toBe(reusable(record.job, event.slot));
      if (prefixOf(record.job.work).entries.slice(0, event.cachedTokens).some(isCell)) pictured.reused += 1;
      if (record.job.work.kind === "decide" && event.cachedTokens > 0) decided.reused += 1;
      ownerBefore[event.slot] = record.job;
      lastStarted[event.slot] = record;
      for (const { from, to } of unsentCopies) if (from === event.slot) ownerBefore[to] = record.job;
    }
    if (event.type === "cancelled") {
      expect(event.steps).toBeLessThanOrEqual(1);
      expect(passesEnded() - (record.cancelledAt ?? Number.NaN), "passes between the cancel and the free slot").toBe(
        event.steps,
      );
    }
  }

  /** Returns the length of the prefix that the slot's real cache and the prompt share, if both have one scope. A picture is shared as a whole. */
  function reusable({ work, cacheScope }: SlotJob, slot: number): number {
    const { entries: prompt, chunks } = prefixOf(work);
    const held = ownerBefore[slot]?.cacheScope === cacheScope ? (heldBefore[slot] ?? []) : [];
    let common = 0;
    while (common < Math.min(held.length, prompt.length) && held[common] === prompt[common]) common += 1;
    return wholeChunks(chunks, common);
  }

  const isDone = (): boolean => toSubmit === 0 && [...records.values()].every(({ events }) => events.some(isTerminal));

  const running = engine.run();
  const idleTurnsAtMost = 200;
  for (let idleTurns = 0; idleTurns < idleTurnsAtMost && !isDone() && violation === undefined; idleTurns++) {
    const before = fake.steps + picturePasses + fake.encoded;
    interfere();
    await new Promise(setImmediate);
    if (fake.steps + picturePasses + fake.encoded !== before) idleTurns = 0;
  }
  if (violation !== undefined) throw violation;
  expect(isDone(), "every job ends").toBe(true);
  expect(engine.busySlots, "every slot is idle in the end").toBe(0);
  expect(encoding, "an encoding that no job needs").toBeUndefined();
  expect(
    [...needed.values()].filter((slotsLeft) => slotsLeft !== 0),
    "slots that still need pictures",
  ).toEqual([]);
  const logged = "logged failures of the encoder";
  expect(loggedFaults, logged).toBeGreaterThanOrEqual(faults.filter((signal) => signal?.aborted !== true).length);
  expect(loggedFaults, logged).toBeLessThanOrEqual(faults.length);
  engine.handle({ type: "shutdown" });
  await running;
  for (const record of records.values()) checkRecord(record);
  return [...records.values()];
}

/** Returns a prompt with more text behind it. */
function continued(prompt: PromptInput, more: string): PromptInput {
  if (prompt.kind === "text") return { kind: "text", text: prompt.text + more };
  const pieces: readonly PromptPiece[] = prompt.kind === "pieces" ? prompt.pieces : [];
  const last = pieces.at(-1);
  return { kind: "pieces", pieces: [...pieces.slice(0, -1), `${typeof last === "string" ? last : ""}${more}`] };
}

/** Returns the tokens and cells of a prompt. @throws WaggleError invalid_argument when a picture is broken */
function entriesOf({ prompt, pictures }: GenerateWork): Entries {
  return readFakePrompt(prompt, pictures);
}

/** Returns what may come from a cache: all of a prompt but its last entry, and of a decide job what its prompts have in common. */
function prefixOf(work: GenerateWork | DecideWork): Entries {
  const [first, ...others] =
    work.kind === "generate"
      ? [entriesOf(work)]
      : work.readings.map((reading) => readFakePrompt({ kind: "messages", ...conversationOf(work, reading) }));
  if (first === undefined) throw new Error("A decide job has readings");
  const differs = first.entries.findIndex((entry, i) => others.some(({ entries }) => entries[i] !== entry));
  return { ...first, entries: first.entries.slice(0, differs === -1 ? -1 : differs) };
}

function textOf({ events }: JobRecord): string {
  return events.map((event) => (event.type === "token" ? event.text : "")).join("");
}

function isTerminal({ type }: JobEvent): boolean {
  return type === "finished" || type === "cancelled" || type === "failed";
}

function checkRecord(record: JobRecord): void {
  const { events, cancelledAt } = record;
  const terminal = events.at(-1);
  expect(events.filter(isTerminal), "exactly one terminal event, the last").toEqual([terminal]);
  const starts = events.flatMap(({ type }, i) => (type === "started" ? [i] : []));
  expect(starts.length, "one start at most").toBeLessThanOrEqual(1);
  const firstPark = events.findIndex(({ type }) => type === "parked");
  if (firstPark !== -1) expect(starts[0], "only a started job is parked").toBeLessThan(firstPark);
  const tokens = events.filter((event) => event.type === "token");
  expect(tokens.map(({ index }) => index)).toEqual(tokens.map((_, i) => i));
  const times = tokens.map(({ tMs }) => tMs);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  const silent = tokens.findIndex(({ text }) => text === "");
  if (silent !== -1) {
    expect(silent, "only the last event may be without text, and it has ids").toBe(tokens.length - 1);
    expect(tokens.at(-1)?.ids).not.toEqual([]);
  }

  if (terminal?.type === "cancelled") expect(cancelledAt, "the job was cancelled by this test").toBeDefined();
  const { work } = record.job;
  if (work.kind === "decide") checkVectors(record, work);
  else checkText(record, { ...record.job, work });
}

function checkVectors({ events }: JobRecord, work: DecideWork): void {
  const count = expectVectors(events, work);
  const type = events.at(-1)?.type;
  if (type === "finished") {
    decided.finished += 1;
    expect(count, "a vector for each reading").toBe(work.readings.length);
  } else if (type === "cancelled" && count > 0) decided["cancelled after a reading"] += 1;
}

function checkText(record: JobRecord, job: EngineJob<GenerateWork>): void {
  const { events } = record;
  const terminal = events.at(-1);
  const tokens = events.filter((event) => event.type === "token");
  if (terminal?.type === "finished" && job.work.guesses === false) expect(terminal.guessedTokens).toBeUndefined();
  const text = textOf(record);
  if (terminal?.type === "finished") {
    expect(text, "the same text as alone").toBe(soloText(job, terminal.completionTokens));
    expect(tokens.reduce((sum, { n }) => sum + n, 0)).toBeLessThanOrEqual(terminal.completionTokens);
  } else if (terminal?.type === "cancelled") {
    expect(text).toBe(soloText(job, terminal.completionTokens));
  }
}

/** Returns the text that this job would have alone, after this many model tokens. */
function soloText({ work }: EngineJob<GenerateWork>, completionTokens: number): string {
  // Nothing can be expected of a broken picture.
  if (completionTokens === 0) return "";
  const { seed, temperature, ignore_eos } = work.sampling;
  const text = expectedFakeText(work.prompt, { temperature, ignore_eos, seed }, completionTokens, work.pictures);
  for (let end = 1; end <= text.length; end++) {
    const stop = work.stop.filter((each) => text.slice(0, end).endsWith(each)).sort((a, b) => b.length - a.length)[0];
    if (stop !== undefined) return text.slice(0, end - stop.length);
  }
  return text;
}

describe("random schedules", () => {
  test(`end every job once, with the text that it has alone, and leave all slots idle: ${schedules} schedules`, async () => {
    const outcomes: { [type: string]: number } = {};
    for (let seed = firstSeed; seed < firstSeed + schedules; seed++) {
      const records = await simulate(seed).catch((error: unknown) => {
        const again = `WAGGLE_PROPERTY_SEED=${seed} WAGGLE_RUNS=1`;
        throw new Error(`Schedule failed; repeat it with ${again}`, { cause: error });
      });
      for (const { events } of records) {
        const type = events.at(-1)?.type ?? "none";
        outcomes[type] = (outcomes[type] ?? 0) + 1;
      }
    }
    if (schedules >= 100) {
      for (const type of ["finished", "cancelled", "failed"])
        expect(outcomes[type], type).toBeGreaterThan(schedules / 10);
      expect(parks).toBeGreaterThan(schedules / 5);
      expect(rightGuesses, "right guesses").toBeGreaterThan(schedules);
      expect(guessed - rightGuesses, "wrong guesses").toBeGreaterThan(schedules);
      expect(copies).toBeGreaterThan(schedules / 20);
      for (const [operation, times] of Object.entries(transfers)) {
        expect(times, operation).toBeGreaterThan(schedules / 20);
      }
      for (const [what, times] of Object.entries({ ...pictured, ...decided }))
        expect(times, what).toBeGreaterThan(schedules / 100);
    }
  });
});
