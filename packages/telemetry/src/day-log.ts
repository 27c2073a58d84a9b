// Owns a day of a server's past on disk: log lines, ended jobs and points of the history, as lines of JSON in a folder. A process appends only to
// its own files, so servers can share the folder. If the disk fails, only rows are lost: no call waits for it or throws. Decision 121.
import { appendFileSync, createReadStream } from "node:fs";
import { appendFile, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { createHoldings, makeFolder, type Clock, type TimerHandle, inBackground } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";

export type RowKind = "log" | "job" | "point";

export interface DayRow {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly value: Record<string, unknown>;
}

/** A part of the past. */
export interface PastQuery {
  /** A job's id, or its beginning, `…` and its end. */
  readonly job?: string | undefined;
  /** Empty: the server's rows. */
  readonly client?: string | undefined;
  /** From this time on, in milliseconds since 1970. */
  readonly since?: number | undefined;
  /** Before this time. */
  readonly until?: number | undefined;
  /** Aborts when the client has left: the read ends, and makes room for others. */
  readonly left?: AbortSignal | undefined;
}

export interface DayQuery extends PastQuery {
  readonly kind: RowKind;
  /** Most rows; the newest ones are returned. */
  readonly count: number;
  readonly matches?: ((value: Record<string, unknown>) => boolean) | undefined;
}

export interface DayLog {
  /**
   * Keeps a row, unless too many rows wait for the disk.
   * @param json an object in one line
   * @param client whose row it is; by default the server's
   */
  add(kind: RowKind, json: string, client?: string): void;
  /** The rows of this server, oldest first. @throws WaggleError resource_exhausted when too many reads wait */
  read(query: DayQuery): Promise<readonly DayRow[]>;
  /** Writes the waiting rows. Rows are also written each second. */
  flush(): Promise<void>;
  /** Writes the waiting rows on this thread, when the process exits. */
  flushNow(): void;
}

export interface DayLogOptions {
  readonly folder: string;
  /** The server's name, which lasts over a restart. */
  readonly place: string;
  /** Limit for all files in the folder. */
  readonly maxBytes: number;
  readonly clock: Pick<Clock, "setTimeout">;
  /** Milliseconds since 1970; Date.now by default. */
  readonly timeOfDay?: () => number;
  /** Rows cannot be written. Called once until rows are written again. */
  readonly onBroken: (reason: string) => void;
}

/** A file is removed when its last row is this old. */
const keptMs = 86_400_000;
/** A file takes rows for this time at most, so that a day leaves in parts. */
const fileMs = 7_200_000;
/** A full folder has about this many files. */
const filesOfLimit = 64;
/** A small file takes a block of the disk. */
const blockBytes = 4_096;
const flushMs = 1_000;
const maxPendingBytes = 1_048_576;
const maxRowBytes = 65_536;
const mostReads = 8;

interface OpenFile {
  path: string;
  bytes: number;
  begunAt: number;
  rows: string[];
  /** Time of the first waiting row. */
  waitsFrom: number;
}

/** Begin, server and client. The client is empty in files with the server's rows: all points, no jobs. */
const fileName = /^(\d+)~([^~]+)~([^~]*)\.jsonl$/;

export function dayFolder(stateFolder: string): string {
  return join(stateFolder, "history");
}

export function createDayLog(options: DayLogOptions): DayLog {
  const { folder, maxBytes, clock, timeOfDay = Date.now, onBroken } = options;
  const place = safeFileName(options.place);
  const fileBytes = Math.ceil(maxBytes / filesOfLimit);
  /** The file of each client. */
  const files = new Map<string, OpenFile>();
  let pendingBytes = 0;
  let bytesSinceTrim = Infinity;
  /** Whether the folder may be missing, and a row cut off. */
  let isBroken = true;
  let isReported = false;
  let timer: TimerHandle | undefined;
  /** Writes are one after the other, and so are reads. */
  let lastWrite: Promise<void> = Promise.resolve();
  let lastRead: Promise<unknown> = Promise.resolve();
  const reads = new Set<DayQuery>();

  /** A new process begins another file, as does a file that is full or old. So a row that a kill cut off is the last one of its file. */
  function takeRows(): readonly (readonly [path: string, text: string])[] {
    const now = timeOfDay();
    pendingBytes = 0;
    return [...files].flatMap(([client, file]) => {
      // A clock that was set back also begins a file, because a file is known by the time of its first row.
      const isOld = now - file.begunAt > fileMs || now < file.begunAt;
      if (file.rows.length === 0) {
        if (isOld) files.delete(client);
        return [];
      }
      if (isOld || file.bytes >= fileBytes) {
        file.begunAt = file.waitsFrom;
        file.path = join(folder, `${file.begunAt}~${place}~${client}.jsonl`);
        file.bytes = 0;
      }
      // The line feed ends a row that a full disk cut off.
      const text = (isBroken ? "\n" : "") + file.rows.join("");
      const bytes = Buffer.byteLength(text);
      file.rows = [];
      file.bytes += bytes;
      bytesSinceTrim += bytes;
      return [[file.path, text] as const];
    });
  }

  async function write(): Promise<void> {
    const texts = takeRows();
    if (texts.length === 0) return;
    try {
      if (isBroken) makeFolder(folder, { mode: 0o700 });
      if (bytesSinceTrim >= fileBytes) {
        bytesSinceTrim = 0;
        await trim(folder, maxBytes - fileBytes, timeOfDay() - keptMs);
      }
      for (const [path, text] of texts) await appendFile(path, text, { mode: 0o600 });
      isBroken = isReported = false;
    } catch (error) {
      isBroken = true;
      report((error as Error).message);
    }
  }

  /** The report is a log line, and so a row. */
  function report(reason: string): void {
    if (isReported) return;
    isReported = true;
    onBroken(reason);
  }

  function flush(): Promise<void> {
    timer?.cancel();
    timer = undefined;
    return (lastWrite = lastWrite.then(write));
  }

  return {
    add(kind, json, client = "") {
      const now = timeOfDay();
      const row = `{"kind":"${kind}","at":${now},"row":${json}}\n`;
      if (row.length > maxRowBytes) return;
      if (pendingBytes + row.length > maxPendingBytes) return report("the disk does not keep up");
      const name = safeFileName(client);
      const file = files.get(name) ?? { path: "", bytes: 0, begunAt: 0, rows: [], waitsFrom: now };
      files.set(name, file);
      if (file.rows.length === 0) file.waitsFrom = now;
      file.rows.push(row);
      pendingBytes += row.length;
      timer ??= clock.setTimeout(() => inBackground("write the history", flush()), flushMs);
    },
    async read(query) {
      if ([...reads].filter(({ left }) => left?.aborted !== true).length >= mostReads) {
        const why = "Cannot read the history: other requests read it. Retry in 1 s.";
        throw new WaggleError("resource_exhausted", why, { retryAfterS: 1 });
      }
      reads.add(query);
      const read = lastRead.then(flush).then(async () => await readDay(folder, query, place));
      lastRead = read.catch(() => {}).finally(() => reads.delete(query));
      return await read;
    },
    flush,
    flushNow() {
      try {
        const texts = takeRows();
        if (isBroken && texts.length > 0) makeFolder(folder, { mode: 0o700 });
        for (const [path, text] of texts) appendFileSync(path, text, { mode: 0o600 });
      } catch {
        // The process ends. These rows are lost.
      }
    },
  };
}

/** The rows of a server, oldest first. No rows if the folder does not exist. */
export async function readDay(folder: string, query: DayQuery, place: string): Promise<readonly DayRow[]> {
  const { kind, count, since = -Infinity, until = Infinity, client, job, left, matches = () => true } = query;
  // Ids need no escapes in JSON. A row without the id is not parsed.
  const named = job === undefined ? "" : `"${job.split("…")[0]}`;
  let rows: DayRow[] = [];
  const newest = (): DayRow[] => rows.toSorted((a, b) => a.at - b.at).slice(-count);
  for (const file of await filesIn(folder)) {
    if (file.begunAt >= until || file.changedAt < since) continue;
    if (safeFileName(place) !== file.place || (client !== undefined && safeFileName(client) !== file.client)) continue;
    if (kind !== "log" && (kind === "point") !== (file.client === "")) continue;
    const begin = `{"kind":"${kind}","at":`;
    for await (const line of linesOf(file.path, left)) {
      if (!line.startsWith(begin) || !line.includes(named)) continue;
      const at = Number.parseInt(line.slice(begin.length), 10);
      if (at < since || at >= until) continue;
      const value = parseRow(line);
      if (value === undefined || !isPartOf(query, at, value) || !matches(value)) continue;
      rows.push({ at, value });
      if (rows.length >= 2 * count) rows = newest();
    }
  }
  return newest();
}

/** The servers with rows in this folder. */
export async function placesIn(folder: string): Promise<readonly string[]> {
  return [...new Set((await filesIn(folder)).map(({ place }) => place))];
}

/** Whether the query asks for a part of the past, and not for the newest. */
export function isPast({ job, client, since, until }: Partial<Record<keyof PastQuery, unknown>>): boolean {
  return [job, client, since, until].some((wanted) => wanted !== undefined);
}

/** @param value a log line or an ended job */
export function isPartOf(
  { job, client, since, until = Infinity }: PastQuery,
  at: number,
  value: Readonly<Record<string, unknown>>,
): boolean {
  const ids = [value["job"] ?? value["job_id"], value["stream_id"]];
  return (
    (job === undefined || ids.some((id) => typeof id === "string" && isNamed(id, job))) &&
    (client === undefined || (value["client"] ?? "") === client) &&
    !(at < (since ?? at) || at >= until)
  );
}

/** @param job an id, or the beginning of one, `…` and its end, as tables show it */
export function isNamed(id: string, job: string): boolean {
  const [begin = "", end] = job.split("…");
  return end === undefined || begin === "" ? id === job : id.startsWith(begin) && id.endsWith(end);
}

/** A file that cannot be read has no lines: another server may remove it at any time, or another user may own it. A chunk of the file is read in one turn of the event loop. */
async function* linesOf(path: string, signal: AbortSignal | undefined): AsyncGenerator<string> {
  let rest = "";
  try {
    for await (const chunk of createReadStream(path, { encoding: "utf8", signal })) {
      const lines = (rest + String(chunk)).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
  } catch {
    // The rows of the other files are still worth an answer.
  }
}

/** Undefined for a row that was cut off. */
function parseRow(line: string): Record<string, unknown> | undefined {
  try {
    return (JSON.parse(line) as { row: Record<string, unknown> }).row;
  } catch {
    return undefined;
  }
}

interface StoredFile {
  readonly path: string;
  readonly begunAt: number;
  readonly place: string;
  readonly client: string;
  readonly bytes: number;
  readonly changedAt: number;
}

/** Oldest first. */
async function filesIn(folder: string): Promise<readonly StoredFile[]> {
  const found: StoredFile[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const [, begunAt, place = "", client = ""] = fileName.exec(name) ?? [];
    const path = join(folder, name);
    const facts = begunAt === undefined ? undefined : await stat(path).catch(() => undefined);
    if (facts?.isFile() !== true) continue;
    const bytes = Math.max(facts.size, blockBytes);
    found.push({ path, begunAt: Number(begunAt), place, client, bytes, changedAt: facts.mtimeMs });
  }
  return found.toSorted((a, b) => a.begunAt - b.begunAt);
}

/** Removes old files. At the limit, the client with the most bytes loses its oldest file, so that no client evicts the rows of others. */
async function trim(folder: string, maxBytes: number, oldest: number): Promise<void> {
  const held = createHoldings<StoredFile>();
  for (const file of await filesIn(folder)) {
    if (file.changedAt < oldest) await rm(file.path, { force: true });
    else held.set(`${file.place}~${file.client}`, file, file.bytes);
  }
  while (held.size > maxBytes) {
    const [first] = held.ofLargest;
    if (first === undefined) return;
    held.remove(first);
    await rm(first.path, { force: true });
  }
}

function safeFileName(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._-]/g, "_").slice(0, 100);
}
