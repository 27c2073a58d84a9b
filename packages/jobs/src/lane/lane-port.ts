// Defines the lane of batches as the HTTP front uses it, and what the lane needs from the front: the answers to lines, and the dialects' lines.
import type { BatchRecord, BatchUsage, LineCounts } from "./batch.ts";

/** An uploaded file, or a file of results. Times are milliseconds since 1970. */
export interface KeptFile {
  readonly id: string;
  readonly client: string;
  readonly filename: string;
  readonly purpose: string;
  readonly bytes: number;
  readonly createdAt: number;
  /** Infinity: until it is deleted. */
  readonly expiresAt: number;
}

/** Bytes that arrive. Until `finish` they are no file, and a restart removes them. */
export interface Receiving {
  /** @throws WaggleError out_of_space; payload_too_large beyond the limit. Then nothing of the file is left */
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves when the file is on disk. */
  finish(facts: Pick<KeptFile, "filename" | "purpose" | "expiresAt">): Promise<KeptFile>;
  /** Removes what has arrived. */
  abort(): Promise<void>;
}

/** Whose files or batches: undefined for those of all clients. Those of others are as if they did not exist. */
export type Owner = string | undefined;

export interface LaneFiles {
  /** @param maxBytes limit of this file @throws WaggleError out_of_space; unavailable if the folder cannot be used */
  receive(client: string, maxBytes: number): Promise<Receiving>;
  /** Newest first. */
  list(owner: Owner): Promise<readonly KeptFile[]>;
  /** @throws WaggleError not_found */
  get(id: string, owner: Owner): Promise<KeptFile>;
  /** @throws WaggleError not_found */
  read(id: string, owner: Owner): Promise<ReadableStream<Uint8Array>>;
  /** A batch keeps the lines of a removed file. @throws WaggleError not_found */
  remove(id: string, owner: Owner): Promise<void>;
}

/** A batch to create. */
export interface WantedBatch extends Pick<
  BatchRecord,
  "client" | "dialect" | "endpoint" | "metadata" | "outputSeconds"
> {
  /** The id of an uploaded file, or lines that have arrived with the request. */
  readonly input: string | Receiving;
  /** Time until the batch expires, from its creation. Milliseconds. */
  readonly windowMs: number;
  /** The request's key: a second request with it finds the batch of the first. */
  readonly idempotencyKey?: string | undefined;
}

/** A batch with what its results on disk say. */
export interface BatchView {
  readonly record: BatchRecord;
  readonly counts: LineCounts;
  readonly usage: BatchUsage;
  /** Undefined before the first twenty answers since the start, and unless the batch runs. */
  readonly estimate?: { readonly linesPerSecond: number; readonly endsAt: number } | undefined;
  /** Why no line is answered now; undefined for a batch that gets answers, or does not run. */
  readonly reason?: string | undefined;
}

/** A batch of a list. */
export interface ListedBatch {
  readonly id: string;
  readonly record: BatchRecord;
  /** @throws WaggleError when the batch cannot be read */
  view(): Promise<BatchView>;
}

export interface LaneBatches {
  /** Resolves when the record is on disk. @throws WaggleError not_found for an unknown file; invalid_argument; out_of_space; conflict */
  create(wanted: WantedBatch): Promise<BatchView>;
  /** Newest first. */
  list(owner: Owner): Promise<readonly ListedBatch[]>;
  /** @throws WaggleError not_found */
  get(id: string, owner: Owner): Promise<BatchView>;
  /** A batch that is being cancelled, or was cancelled, stays as it is. @throws WaggleError not_found; conflict after another end */
  cancel(id: string, owner: Owner): Promise<BatchView>;
  /** @throws WaggleError not_found; conflict after the end */
  pause(id: string, owner: Owner, isPaused: boolean): Promise<BatchView>;
  /** The results of an ended batch: its output, then its errors. @throws WaggleError not_found; conflict before the end */
  results(id: string, owner: Owner): Promise<ReadableStream<Uint8Array>>;
  /** Removes an ended batch and its results. @throws WaggleError not_found; conflict before the end */
  remove(id: string, owner: Owner): Promise<void>;
}

export interface Lane {
  readonly files: LaneFiles;
  readonly batches: LaneBatches;
  /** The longest window of a batch. Milliseconds. */
  readonly maxWindowMs: number;
  /** Called once, when the front can answer lines. Then the batches of an earlier process continue. */
  attend(front: LaneFront): void;
  /** Takes back all lines, and resolves when what was answered is on disk. */
  close(): Promise<void>;
}

// ---- what the lane needs from the front -------------------------------------------------------------------------------

/** A line of the input whose envelope is right. */
export interface Line {
  /** Counted from 1, with the blank lines. */
  readonly number: number;
  readonly customId: string;
  readonly path: string;
  /** The name in the body; undefined without a name. */
  readonly model: string | undefined;
  /** How the prompt begins: lines with the same beginning are answered one after the other. */
  readonly prefix: string;
  /** JSON. */
  readonly body: string;
}

/** A mistake that fails the whole batch. */
export interface LineMistake {
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
}

/** The answer to a line as its dialect wrote it. */
export interface LineAnswer {
  readonly status: number;
  readonly requestId: string;
  /** JSON. */
  readonly body: string;
}

/** Why a line has no answer. */
export type Unanswered = "cancelled" | "expired";

/** A line of the results. */
export interface ResultLine {
  readonly file: "output" | "errors";
  /** Without the newline. */
  readonly text: string;
}

export interface ReadResult {
  readonly customId: string;
  readonly outcome: keyof LineCounts;
  readonly usage: BatchUsage;
}

/** The form of a batch's input and results. */
export interface BatchShape {
  /** @param text not blank */
  readLine(text: string, number: number, record: BatchRecord): Line | LineMistake;
  resultLine(line: Pick<Line, "customId">, answer: LineAnswer | Unanswered): ResultLine;
  /** Reads what `resultLine` wrote. @throws Error for anything else */
  readResult(text: string): ReadResult;
}

/**
 * Answers a line as a request of the batch's client. A sentence says why the server cannot answer now: the line is asked again later, as after
 * undefined. Never throws.
 * @param signal aborts when the line is taken back
 */
export type AnswerLine = (
  line: Line,
  record: BatchRecord,
  signal: AbortSignal,
) => Promise<LineAnswer | string | undefined>;

/** What the lane asks about a model before it gives the model lines. */
export interface LaneModel {
  /** The name of all of its names. */
  readonly name: string;
  readonly slots: number;
  readonly isLoaded: boolean;
}

export interface LaneFront {
  readonly answer: AnswerLine;
  /** Why no further line of the client may be asked now: its quota is used up, say. Undefined if one may; its `answer` then counts from its call on. */
  readonly refusalFor: (client: string) => string | undefined;
  readonly shapes: Readonly<Record<BatchRecord["dialect"], BatchShape>>;
  /** @param name undefined: the default model @returns undefined for an unknown name @throws WaggleError unavailable while the names are not known */
  readonly model: (name: string | undefined) => LaneModel | undefined;
}
