// Owns the compilation of JSON schemas on a thread that can be killed: the limits of the thread, and a cache of results.
import { createHash } from "node:crypto";
import { createHoldings, createIsolate, IsolateError } from "@waggle/async";
import type { Clock, StartIsolateThread } from "@waggle/async";
import type { AnswerGrammarOptions } from "@waggle/chat-format/format";
import { WaggleError, requestLimits } from "@waggle/protocol";
import type { CompiledSchema, GrammarTask } from "./schema-thread.ts";

export interface SchemaCompilerLimits {
  /**
   * Time limit for compiling one schema, without the time in the queue: of the thread's processor time if the system reports it. The number of
   * steps has a limit too, but not all work counts as steps.
   */
  readonly compileTimeoutMs: number;
  /** Time limit for compiling an answer's grammar, with the schemas of all its tools. */
  readonly answerTimeoutMs: number;
  /** Time limit for compiling by the clock, for a thread that gets little processor time. */
  readonly deadlineMs: number;
  /** Time limit for the start of the thread. */
  readonly startTimeoutMs: number;
  /** Maximum number of waiting schemas. */
  readonly waiting: number;
  /** Maximum length of all waiting schemas together. */
  readonly waitingChars: number;
  /** Share of both for one client. */
  readonly clientShare: number;
  /** Memory limit of the cache. */
  readonly cacheBytes: number;
  readonly threadMemoryMiB: number;
}

export const defaultSchemaCompilerLimits: SchemaCompilerLimits = {
  compileTimeoutMs: 2_000,
  answerTimeoutMs: 10_000,
  deadlineMs: 60_000,
  startTimeoutMs: 10_000,
  waiting: 64,
  waitingChars: 8 << 20,
  clientShare: 0.5,
  cacheBytes: 8 << 20,
  threadMemoryMiB: 256,
};

export interface SchemaCompilerOptions {
  readonly limits?: Partial<SchemaCompilerLimits>;
  readonly clock?: Clock;
  /** Default: a thread of this process. */
  readonly startThread?: StartIsolateThread<string, CompiledSchema>;
}

export interface SchemaCompiler {
  /**
   * Returns the schema's grammar, or the reason why there is no grammar.
   * @param client clients share the thread fairly
   * @throws WaggleError resource_exhausted when too many schemas wait; unavailable after `close`; internal
   */
  compile(schema: unknown, client: string): Promise<CompiledSchema>;
  /** Like `compile`, for all constraints of an answer to messages. */
  compileAnswer(options: AnswerGrammarOptions, client: string): Promise<CompiledSchema>;
  /** Rejects waiting schemas; resolves when the thread has ended. */
  close(): Promise<void>;
}

const shownPathChars = 200;
/** Maximum length of a task: a schema, a request's tools, and the other fields. */
const taskChars = requestLimits.schemaChars + requestLimits.toolsChars + 65_536;

/** The thread starts with the first schema. */
export function createSchemaCompiler(options: SchemaCompilerOptions = {}): SchemaCompiler {
  const limits = { ...defaultSchemaCompilerLimits, ...options.limits };
  const { clock, startThread } = options;
  const cache = createResultCache(limits.cacheBytes);
  const isolate = createIsolate<string, CompiledSchema>({
    thread: { name: "schema-thread", caller: import.meta.url },
    limits: {
      startMs: limits.startTimeoutMs,
      deadlineMs: limits.deadlineMs,
      waiting: limits.waiting,
      waitingSize: limits.waitingChars,
      clientShare: limits.clientShare,
      heapMiB: limits.threadMemoryMiB,
    },
    ...(clock === undefined ? {} : { clock }),
    ...(startThread === undefined ? {} : { startThread }),
  });

  /** @param written the part of the task that the client wrote */
  async function compileTask(task: GrammarTask, written: unknown, client: string): Promise<CompiledSchema> {
    const place = infinityIn(written, "");
    if (place !== undefined) {
      return refusal(`the number at ${place.slice(0, shownPathChars)} is larger than any double`);
    }
    const text = JSON.stringify(task);
    if (text.length > taskChars) return refusal(`it has more than ${taskChars} characters`);
    const known = cache.get(text);
    if (known !== undefined) return known;
    const limitMs = "answer" in task ? limits.answerTimeoutMs : limits.compileTimeoutMs;
    const result = await isolate.run(text, { limitMs, client, size: text.length }).catch(refusalOf);
    cache.set(text, result, client);
    return result;
  }

  return {
    compile: async (schema, client) => await compileTask({ schema }, schema, client),
    compileAnswer: async (answer, client) => await compileTask({ answer }, [answer.tools, answer.schema], client),
    close: async () => await isolate.close(),
  };
}

function refusal(reason: string): CompiledSchema {
  return { kind: "refused", message: `Cannot compile the JSON schema: ${reason}` };
}

/** The refusal of a schema that needs too much time or memory. @throws WaggleError for errors that the schema did not cause */
function refusalOf(error: unknown): CompiledSchema {
  const message = `Cannot compile the JSON schema: ${error instanceof Error ? error.message : "unknown"}`;
  switch (error instanceof IsolateError ? error.reason : undefined) {
    case "too_slow":
      return refusal("it takes too long");
    case "out_of_memory":
      return refusal("it takes too much memory");
    case "full":
      throw new WaggleError("resource_exhausted", `${message}.`, { retryAfterS: 1 });
    case "not_started":
    case "too_busy":
    case "closed":
      throw new WaggleError("unavailable", `${message}.`, { retryAfterS: 1 });
    default:
      throw WaggleError.from(new Error(message, { cause: error }));
  }
}

/** JSON Pointer of an infinite number. `JSON.stringify` writes such a number as null, which would change the schema. */
function infinityIn(value: unknown, path: string): string | undefined {
  if (typeof value === "number" && !Number.isFinite(value)) return path;
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const place = infinityIn(inner, `${path}/${key}`);
    if (place !== undefined) return place;
  }
  return undefined;
}

function sizeOf(result: CompiledSchema): number {
  return result.kind === "grammar" ? result.grammar.length : result.message.length;
}

/** Agents send the same schemas with every request. */
interface ResultCache {
  get(text: string): CompiledSchema | undefined;
  /** Beyond `maxBytes`, the client with the most bytes loses its least recently used result. */
  set(text: string, result: CompiledSchema, client: string): void;
}

/** Approximate size of an entry without its result. */
const entryBytes = 256;

/** The keys are digests of the texts: the texts may be large, and contain clients' data. */
function createResultCache(maxBytes: number): ResultCache {
  interface Entry {
    readonly result: CompiledSchema;
    /** The client that had it compiled. */
    readonly client: string;
  }
  const entries = new Map<string, Entry>();
  /** Least recently used first. */
  const held = createHoldings<string>();

  function use(key: string, entry: Entry): void {
    held.remove(key);
    held.set(entry.client, key, sizeOf(entry.result) + entryBytes);
  }

  return {
    get(text) {
      const key = digest(text);
      const entry = entries.get(key);
      if (entry !== undefined) use(key, entry);
      return entry?.result;
    },
    set(text, result, client) {
      const key = digest(text);
      const entry = { result, client };
      entries.set(key, entry);
      use(key, entry);
      for (const oldest of held.takeBeyond(maxBytes)) entries.delete(oldest);
    },
  };
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}
