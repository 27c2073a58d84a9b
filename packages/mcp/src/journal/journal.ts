// Owns the journal of the calls: each call is in a file before it is sent, and each result when it comes. With it, a turn that a restart of the
// daemon has interrupted continues, and no call of the turn is sent twice. Clients share its bytes. Decision 113.
import { rm } from "node:fs/promises";
import type { open } from "node:fs/promises";
import { createHoldings, createInOrder, createShares, inBackground } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import type { CallOutcome } from "../connection/call-outcome.ts";
import { createJournalFile } from "./journal-file.ts";
import type { TurnLines } from "./journal-file.ts";
import { lineOf, recordIn } from "./records.ts";
import type { JournalRecord, RecordedStep } from "./records.ts";
import { fittingOutcome, stateIn } from "./turn-state.ts";
import type { TurnState } from "./turn-state.ts";

export interface JournalOptions {
  readonly path: string;
  /** Whether a later process may open the file again; true by default. If not, `close` removes the file. */
  readonly isKept?: boolean;
  /** Bytes of all turns together. Ended turns are deleted first: the oldest of the client that holds most. */
  readonly maxBytes?: number;
  /** How long a turn is kept after its start. A turn that runs is kept for longer. */
  readonly keptMs?: number;
  /** The time of day in milliseconds. */
  readonly now: () => number;
  /** Called when the file cannot be read or written any more, and with undefined when it can be again. */
  readonly onProblem?: (problem: Error | undefined) => void;
  /** `open` of node:fs by default. */
  readonly open?: typeof open;
}

export interface Journal {
  /**
   * The turn with this key of the client, which runs until its release. A turn that is already in the journal continues after its recorded steps.
   * Never writes, and never fails because of the disk: a turn that could not be looked up refuses its records.
   * @returns undefined if the key was begun with another request
   */
  begin(turn: TurnKey): Promise<TurnRecord | undefined>;
  /**
   * The key of the client's newest turn with this digest, among keys that begin like this. An old turn counts only if it runs.
   * @param beginning the first word of a key, and a space
   */
  newest(client: string, beginning: string, digest: string): Promise<string | undefined>;
  /** Also removes the file if it has no turns. */
  close(): Promise<void>;
}

export interface TurnKey {
  readonly client: string;
  readonly key: string;
  readonly digest: string;
}

export interface TurnRecord {
  /** The recorded messages of the model, oldest first. */
  readonly steps: readonly RecordedStep[];
  /**
   * The turn's first record makes the turn itself lasting.
   * @throws WaggleError `resource_exhausted` if turns that must be kept fill the client's share or the journal; `unavailable` if the file cannot be written
   */
  addStep(message: RecordedStep): Promise<void>;
  /** The recorded outcome of a call; `unknown` if the call was sent before a restart and has no result; undefined if it was never sent. */
  outcomeOf(call: string): CallOutcome | undefined;
  /** Resolves when the call is on disk, and its result has room. Only then may it be sent. @throws WaggleError like addStep */
  willSend(call: string): Promise<void>;
  /** A result that has no room is cut. If the file cannot be written, the result is written later. */
  addResult(call: string, outcome: CallOutcome): Promise<void>;
  /** Called when the turn has ended: from now on the journal may forget it. */
  release(): void;
}

interface Turn extends TurnLines, TurnKey {
  readonly at: number;
  text: string;
  bytes: number;
  /** Bytes of records that are being written, and of results that are to come. */
  reserved: number;
  /** What the client's share counts. */
  held: number;
  /** Whether the last line is not the turn's end. Then the turn runs, or its process has died. */
  isOpen: boolean;
  /** How often the turn runs now. A turn that runs is never forgotten: after a restart its calls would be sent again. */
  runs: number;
  state: TurnState | undefined;
}

function newTurn({ client, key, digest }: TurnKey, at: number): Turn {
  const counts = { bytes: 0, reserved: 0, held: 0, writtenTo: 0, runs: 0 };
  return { client, key, digest, at, ...counts, text: "", isOpen: false, state: undefined };
}

const defaultMaxBytes = 33_554_432;
/** The part of the bytes that running and interrupted turns of one client may take. */
const clientShare = 0.5;
/** Room that a call reserves for its result. A larger result takes the rest when it arrives. */
const resultBytes = 65_536;
/** Room for the reason why a call was not sent. */
const unsentBytes = 1_024;
const defaultKeptMs = 86_400_000;
/** How long after its start a turn may be retried without a key: three tries of an SDK, of 10 minutes each. */
const retriedMs = 1_800_000;

/** Reads the file. A file that cannot be read or written now is tried again at each use. */
export async function createJournal(options: JournalOptions): Promise<Journal> {
  const { path, isKept = true, maxBytes = defaultMaxBytes, keptMs = defaultKeptMs, now, onProblem } = options;
  /** In the order of their starts. */
  const turns = new Map<string, Turn>();
  /** The newest turn for each client, digest and first word of its key, among turns with a record, and among turns that run. */
  const newest = new Map<string, Turn>();
  const running = new Map<string, Turn>();
  const kept = createShares(maxBytes, clientShare);
  const ended = createHoldings<Turn>();
  const file = createJournalFile({
    ...options,
    maxBytes,
    turns: () => turns.values(),
    bytes: () => kept.total + ended.size,
    makeRoom: () => forgetOlder(retriedMs, ({ isOpen }) => !isOpen),
  });
  /** Records that are to be written as soon as the file can be written. They are in their turns' texts already. */
  const unwritten: { readonly turn: Turn; readonly text: string }[] = [];
  let isRead = false;
  let isClosed = false;
  let problem: Error | undefined;
  /** Reading and writing are one after the other, so that lines are in the order of their calls. */
  const inOrder = createInOrder();

  function note(found: Error | undefined): void {
    if ((found === undefined) !== (problem === undefined)) onProblem?.(found);
    problem = found;
  }

  /** Updates the counts of the turn's bytes, and deletes ended turns if there is too little room. */
  function count(turn: Turn): void {
    const isNeeded = turn.isOpen || turn.runs > 0;
    const held = isNeeded ? turn.bytes + turn.reserved : 0;
    kept.add(turn.client, held - turn.held);
    turn.held = held;
    if (isNeeded) ended.remove(turn);
    else ended.set(turn.client, turn, turn.bytes);
    while (kept.total + ended.size > maxBytes) {
      const [oldest] = ended.ofLargest;
      if (oldest === undefined) return;
      forget(oldest);
    }
  }

  function forget(turn: Turn): void {
    turns.delete(turnName(turn));
    ended.remove(turn);
    kept.add(turn.client, -turn.held);
    turn.held = 0;
    leave(newest, turn);
  }

  function forgetOlder(ms: number, mayForget: (turn: Turn) => boolean): void {
    for (const turn of turns.values()) {
      if (now() - turn.at <= ms) return;
      if (turn.runs === 0 && mayForget(turn)) forget(turn);
    }
  }

  function forgetOld(): void {
    forgetOlder(keptMs, () => true);
  }

  async function read(): Promise<void> {
    for (const turn of await readTurns(file.read(), now())) {
      turns.set(turnName(turn), turn);
      newest.set(requestOf(turn), turn);
      count(turn);
    }
    isRead = true;
    forgetOld();
  }

  /** Writes what is unwritten, then the text. */
  async function write(text: string): Promise<number> {
    try {
      if (isClosed) throw new Error("the journal is closed");
      const end = await file.append(unwritten.map((one) => one.text).join("") + text);
      for (const { turn } of unwritten.splice(0)) turn.writtenTo = end;
      note(undefined);
      return end;
    } catch (error) {
      note(error as Error);
      throw error;
    }
  }

  function recordLines({ text, digest, at }: Turn, record: JournalRecord): string {
    return (text === "" ? lineOf({ kind: "turn", key: record.key, digest, at }) : "") + lineOf(record);
  }

  function add(turn: Turn, text: string, isOpen: boolean): void {
    if (turn.text === "") newest.set(requestOf(turn), turn);
    turn.text += text;
    turn.bytes += Buffer.byteLength(text);
    turn.isOpen = isOpen;
    count(turn);
  }

  /** @throws WaggleError if the record is not on disk; then the turn is as before */
  async function addNow(turn: Turn, record: JournalRecord, room = 0): Promise<void> {
    const text = recordLines(turn, record);
    const bytes = Buffer.byteLength(text);
    forgetOld();
    const limit = kept.limitFor(turn.client, bytes + room);
    if (limit !== undefined) throw fullError(limit);
    reserve(turn, bytes + room);
    try {
      turn.writtenTo = await write(text);
    } catch (error) {
      reserve(turn, -bytes - room);
      throw unavailableError(error as Error);
    }
    turn.reserved -= bytes;
    add(turn, text, true);
  }

  function reserve(turn: Turn, bytes: number): void {
    turn.reserved += bytes;
    count(turn);
  }

  async function addLater(turn: Turn, record: JournalRecord): Promise<void> {
    const text = recordLines(turn, record);
    unwritten.push({ turn, text });
    add(turn, text, record.kind !== "end");
    await write("").catch(() => {});
  }

  function release(turn: Turn): void {
    turn.runs -= 1;
    if (turn.runs > 0) return;
    reserve(turn, -resultBytes * (turn.state?.awaited.size ?? 0));
    turn.state = undefined;
    leave(running, turn);
    const ended = inOrder(async () => {
      if (turn.runs > 0 || turns.get(turnName(turn)) !== turn) return;
      if (turn.text === "") forget(turn);
      else if (turn.isOpen) await addLater(turn, { kind: "end", key: turnName(turn) });
    });
    inBackground("write the end of a turn", ended);
  }

  function recordOf(turn: Turn, state: TurnState): TurnRecord {
    const key = turnName(turn);
    const { steps, sent, outcomes, awaited } = state;
    return {
      steps: [...steps],
      async addStep(message) {
        await inOrder(async () => {
          await addNow(turn, { kind: "step", key, index: steps.length, message });
          steps.push(message);
        });
      },
      outcomeOf: (call) => outcomes.get(call),
      async willSend(call) {
        await inOrder(async () => {
          if (sent.has(call)) throw new Error("A call would be sent twice");
          await addNow(turn, { kind: "call", key, call }, resultBytes);
          sent.add(call);
          awaited.add(call);
        });
      },
      async addResult(call, whole) {
        await inOrder(async () => {
          const atLeast = awaited.delete(call) ? resultBytes : unsentBytes;
          if (atLeast === resultBytes) reserve(turn, -resultBytes);
          const hasRoom = (bytes: number): boolean =>
            bytes <= atLeast || kept.limitFor(turn.client, bytes) === undefined;
          const outcome = fittingOutcome(whole, { hasRoom, atLeast });
          outcomes.set(call, outcome);
          await addLater(turn, { kind: "result", key, call, outcome });
        });
      },
      release: () => release(turn),
    };
  }

  async function readAgain(): Promise<void> {
    await inOrder(async () => {
      if (!isRead) await read().catch(note);
    });
  }

  await readAgain();
  // An empty line shows whether the file can be written.
  if (isRead) await inOrder(async () => await write("\n")).catch(() => {});

  return {
    async begin(key) {
      if (!isRead) await readAgain();
      if (!isRead) return refusingRecord(() => unavailableError(problem));
      forgetOld();
      const known = turns.get(turnName(key));
      if (known !== undefined && known.digest !== key.digest) return undefined;
      const turn = known ?? newTurn(key, now());
      turns.set(turnName(turn), turn);
      running.set(requestOf(turn), turn);
      turn.runs += 1;
      count(turn);
      return recordOf(turn, (turn.state ??= stateIn(turn.text)));
    },
    async newest(client, beginning, digest) {
      if (!isRead) await readAgain();
      const request = requestOf({ client, key: beginning, digest });
      const turn = running.get(request) ?? newest.get(request);
      return turn !== undefined && (turn.runs > 0 || now() - turn.at <= retriedMs) ? turn.key : undefined;
    },
    async close() {
      await inOrder(async () => {
        if (unwritten.length > 0) await write("").catch(() => {});
        isClosed = true;
        await file.close();
        forgetOld();
        const isEmpty = [...turns.values()].every(({ text }) => text === "");
        if (isRead && (isEmpty || !isKept)) await rm(path, { force: true }).catch(note);
      });
    },
  };
}

/** @param now turns do not begin later */
async function readTurns(lines: AsyncIterable<readonly [string, number]>, now: number): Promise<readonly Turn[]> {
  const turns = new Map<string, Turn>();
  for await (const [line, end] of lines) {
    const record = recordIn(line);
    if (record === undefined) continue;
    const name = record.key;
    let turn = turns.get(name);
    if (record.kind === "turn" && !(turn?.digest === record.digest && turn.at === Math.min(record.at, now))) {
      const space = name.indexOf(" ");
      const key = { client: name.slice(0, Math.max(0, space)), key: name.slice(space + 1), digest: record.digest };
      turns.delete(name);
      turns.set(name, (turn = newTurn(key, Math.min(record.at, now))));
    }
    if (turn === undefined) continue;
    const text = lineOf(record);
    turn.text += text;
    turn.bytes += Buffer.byteLength(text);
    turn.isOpen = record.kind !== "end";
    turn.writtenTo = end;
  }
  // An ended turn without a call has nothing to continue.
  return [...turns.values()].filter(({ isOpen, text }) => isOpen || /"kind":"(?:step|call|result)"/.test(text));
}

function turnName({ client, key }: Pick<TurnKey, "client" | "key">): string {
  return `${client} ${key}`;
}

function requestOf({ client, key, digest }: TurnKey): string {
  return JSON.stringify([client, digest, key.split(" ", 1)[0]]);
}

function leave(byRequest: Map<string, Turn>, turn: Turn): void {
  if (byRequest.get(requestOf(turn)) === turn) byRequest.delete(requestOf(turn));
}

/** The record of a turn that may be in a file that cannot be read: its calls may have been sent. */
function refusingRecord(error: () => WaggleError): TurnRecord {
  const refuse = async (): Promise<never> => await Promise.reject(error());
  return {
    steps: [],
    addStep: refuse,
    outcomeOf: () => undefined,
    willSend: refuse,
    addResult: async () => {},
    release: () => {},
  };
}

function fullError(limit: "full" | "client_share"): WaggleError {
  const whose = limit === "full" ? "all clients fill the journal" : "this client fill its share of the journal";
  return new WaggleError(
    "resource_exhausted",
    `Cannot record the call: running and interrupted turns of ${whose}. Continue or end one of them, or try again later.`,
    { retryAfterS: 30 },
  );
}

/** The message of a file's error contains its path, so a client gets only the code. */
function unavailableError(problem: NodeJS.ErrnoException | undefined): WaggleError {
  const code = problem?.code === undefined ? "" : ` (${problem.code})`;
  return new WaggleError("unavailable", `Cannot record the call: the journal of calls cannot be used now${code}.`, {
    cause: problem,
  });
}
