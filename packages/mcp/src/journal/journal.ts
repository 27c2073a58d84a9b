// Owns the journal of the calls: a file to which each call is written before it is sent, and each result when it comes. With it, a turn that a
// restart of the daemon has interrupted continues, and no call of the turn is sent twice.
import { rmSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { makeFolder, readText } from "@waggle/async";
import { failedOutcome } from "../connection/call-outcome.ts";
import type { CallOutcome } from "../connection/call-outcome.ts";
import { recordIn } from "./records.ts";
import type { JournalRecord, RecordedStep } from "./records.ts";

export interface JournalOptions {
  readonly path: string;
  /** Whether a later process may open the file again; true by default. If not, `close` removes the file. */
  readonly isKept?: boolean;
  /** Bytes of all turns together. The oldest turns that do not run are removed. */
  readonly maxBytes?: number;
  /** How long a turn is kept after its start. A turn that runs is kept for longer. */
  readonly keptMs?: number;
  /** The time of day in milliseconds. */
  readonly now: () => number;
}

export interface Journal {
  /**
   * The turn with this key, which runs until its release. A turn that is already in the journal continues after its recorded steps.
   * @returns undefined if the turn was begun with another request
   */
  begin(key: string, digest: string): Promise<TurnRecord | undefined>;
  /** The key of the newest turn with this digest, among keys that begin like this. An old turn counts only if it runs. */
  newest(beginning: string, digest: string): Promise<string | undefined>;
  /** Also removes the file if it has no turns. */
  close(): Promise<void>;
}

export interface TurnRecord {
  /** The recorded messages of the model, oldest first. */
  readonly steps: readonly RecordedStep[];
  /** @throws Error if the journal is full or cannot be written */
  addStep(message: RecordedStep): Promise<void>;
  /** The recorded outcome of a call; `unknown` if the call was sent before a restart and has no result; undefined if it was never sent. */
  outcomeOf(call: string): CallOutcome | undefined;
  /** Resolves when the call is on disk. Only then may it be sent. @throws Error if the journal is full or cannot be written */
  willSend(call: string): Promise<void>;
  addResult(call: string, outcome: CallOutcome): Promise<void>;
  /** Called when the turn has ended: from now on the journal may forget it. */
  release(): void;
}

interface Turn {
  readonly digest: string;
  readonly at: number;
  readonly steps: RecordedStep[];
  readonly sent: Set<string>;
  readonly outcomes: Map<string, CallOutcome>;
  /** Without its end, the turn runs, or its process has died. */
  isEnded: boolean;
  bytes: number;
}

function newTurn(digest: string, at: number): Turn {
  return { digest, at, steps: [], sent: new Set(), outcomes: new Map(), isEnded: false, bytes: 0 };
}

const defaultMaxBytes = 33_554_432;
const defaultKeptMs = 86_400_000;
/** How long after its start a turn may be retried without a key: three tries of an SDK, of 10 minutes each. */
const retriedMs = 1_800_000;
/** The file may be this much larger than its turns before it is written anew. */
const slack = 2;

/** @throws Error of node:fs if the journal cannot be read or written */
export async function createJournal(options: JournalOptions): Promise<Journal> {
  const { path, isKept = true, maxBytes = defaultMaxBytes, keptMs = defaultKeptMs, now } = options;
  makeFolder(dirname(path), { mode: 0o700 });
  const turns = readTurns(path, maxBytes * (slack + 1));
  /** Undefined after a write that failed, and after `close`. The next write then writes all turns anew, so that no record is missing before it. */
  let file: FileHandle | undefined;
  let isClosed = false;
  let fileBytes = 0;
  /** How often each turn runs now. A turn that runs is never forgotten: after a restart its calls would be sent again. */
  const running = new Map<string, number>();
  /** Writes are one after the other, so that lines are in the order of their calls. */
  let lastWrite: Promise<unknown> = Promise.resolve();

  /** Calls of an earlier process without a result. */
  for (const { sent, outcomes } of turns.values()) {
    for (const call of sent) {
      if (!outcomes.has(call)) {
        outcomes.set(call, failedOutcome("unknown", "The daemon was restarted before the result of the call came."));
      }
    }
  }

  function release(key: string, turn: Turn): void {
    const others = (running.get(key) ?? 1) - 1;
    if (others > 0) return void running.set(key, others);
    running.delete(key);
    turn.isEnded = true;
    append({ kind: "end", key }).catch(() => {});
  }

  function total(): number {
    return [...turns.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Ended turns first: the calls of an interrupted turn would be sent again. Rather than forgetting one, the journal refuses new calls. */
  function forgetOld(): void {
    const resting = [...turns]
      .filter(([key]) => !running.has(key))
      .toSorted(([, a], [, b]) => Number(b.isEnded) - Number(a.isEnded));
    let bytes = total();
    for (const [key, turn] of resting) {
      const mostBytes = turn.isEnded ? maxBytes : maxBytes * slack;
      if (bytes <= mostBytes && now() - turn.at <= keptMs) continue;
      bytes -= turn.bytes;
      turns.delete(key);
    }
  }

  function checkRoom(): void {
    forgetOld();
    if (total() > maxBytes) throw new Error("The journal is full of running turns");
  }

  /** Writes the turns to a new file, which takes the name of the old one when it is on disk. Streams continue between two turns. */
  async function rewrite(): Promise<void> {
    forgetOld();
    await leaveFile();
    const part = `${path}.part`;
    try {
      fileBytes = await writeTurns(part);
      await rename(part, path);
    } catch (error) {
      // Its bytes would keep a full disk full.
      await rm(part, { force: true });
      throw error;
    }
    await syncFolder(dirname(path));
    file = await open(path, "a", 0o600);
  }

  /** @returns the number of bytes */
  async function writeTurns(part: string): Promise<number> {
    const written = await open(part, "w", 0o600);
    let bytes = 0;
    try {
      for (const [key, turn] of [...turns]) {
        const text = linesOf(key, turn).join("");
        await written.appendFile(text);
        bytes += Buffer.byteLength(text);
      }
      await written.sync();
    } finally {
      await written.close();
    }
    return bytes;
  }

  async function leaveFile(): Promise<void> {
    const left = file;
    file = undefined;
    await left?.close();
  }

  async function append(record: JournalRecord): Promise<void> {
    const line = lineOf(record);
    const bytes = Buffer.byteLength(line);
    const turn = turns.get(record.key);
    if (turn !== undefined) turn.bytes += bytes;
    const write = lastWrite.then(async () => {
      if (isClosed) throw new Error("The journal is closed");
      // The new file may have this record already; readers accept a record twice.
      if (file === undefined || fileBytes + bytes > maxBytes * slack) await rewrite();
      try {
        await file?.appendFile(line);
        await file?.datasync();
      } catch (error) {
        await leaveFile();
        throw error;
      }
      fileBytes += bytes;
    });
    lastWrite = write.catch(() => {});
    await write;
  }

  await rewrite();

  return {
    async begin(key, digest) {
      const known = turns.get(key);
      if (known !== undefined && known.digest !== digest) return undefined;
      const turn = known ?? newTurn(digest, now());
      running.set(key, (running.get(key) ?? 0) + 1);
      if (known === undefined) {
        forgetOld();
        turns.set(key, turn);
      }
      if (known === undefined || known.isEnded) {
        turn.isEnded = false;
        try {
          await append({ kind: "turn", key, digest, at: turn.at });
        } catch (error) {
          release(key, turn);
          throw error;
        }
      }
      return {
        steps: [...turn.steps],
        async addStep(message) {
          checkRoom();
          const index = turn.steps.push(message) - 1;
          await append({ kind: "step", key, index, message });
        },
        outcomeOf: (call) => turn.outcomes.get(call),
        async willSend(call) {
          if (turn.sent.has(call)) throw new Error("A call would be sent twice");
          checkRoom();
          turn.sent.add(call);
          await append({ kind: "call", key, call });
        },
        async addResult(call, outcome) {
          turn.outcomes.set(call, outcome);
          await append({ kind: "result", key, call, outcome: { ...outcome } });
        },
        release: () => release(key, turn),
      };
    },
    async newest(beginning, digest) {
      const found = [...turns].filter(
        ([key, turn]) =>
          key.startsWith(beginning) && turn.digest === digest && (running.has(key) || now() - turn.at <= retriedMs),
      );
      return found.at(-1)?.[0];
    },
    async close() {
      await lastWrite;
      isClosed = true;
      await leaveFile();
      forgetOld();
      if (turns.size === 0 || !isKept) rmSync(path, { force: true });
    },
  };
}

function readTurns(path: string, maxBytes: number): Map<string, Turn> {
  const turns = new Map<string, Turn>();
  for (const line of textOf(path, maxBytes).split("\n")) {
    const record = recordIn(line);
    if (record === undefined) continue;
    if (record.kind === "turn") {
      const { key, digest, at } = record;
      const known = turns.get(key);
      if (known?.digest === digest && known.at === at) known.isEnded = false;
      else turns.set(key, newTurn(digest, at));
    }
    const turn = turns.get(record.key);
    if (turn === undefined) continue;
    turn.bytes += Buffer.byteLength(line) + 1;
    if (record.kind === "step") turn.steps[record.index] = record.message;
    if (record.kind === "end") turn.isEnded = true;
    if (record.kind === "call") turn.sent.add(record.call);
    if (record.kind === "result") turn.outcomes.set(record.call, record.outcome);
  }
  return turns;
}

function textOf(path: string, maxBytes: number): string {
  try {
    return readText(path, { maxBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

function linesOf(key: string, { digest, at, steps, sent, outcomes, isEnded }: Turn): string[] {
  return [
    lineOf({ kind: "turn", key, digest, at }),
    ...steps.map((message, index) => lineOf({ kind: "step", key, index, message })),
    ...[...sent].map((call) => lineOf({ kind: "call", key, call })),
    ...[...outcomes].map(([call, outcome]) => lineOf({ kind: "result", key, call, outcome: { ...outcome } })),
    ...(isEnded ? [lineOf({ kind: "end", key })] : []),
  ];
}

function lineOf(record: JournalRecord): string {
  return `${JSON.stringify(record)}\n`;
}

/** The new name of a file is on disk only when its folder is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
