// Owns the compilation of JSON schemas on a thread that can be killed: its limits, and the results that are kept.
import { createIsolate, IsolateError } from "@waggle/async";
import type { Clock, StartIsolateThread } from "@waggle/async";
import type { AnswerGrammarOptions } from "@waggle/chat-format/format";
import { WaggleError, requestLimits } from "@waggle/protocol";
import { createResultCache } from "../generation/result-cache.ts";
import type { CompiledSchema, GrammarTask } from "./schema-thread.ts";

export interface SchemaCompilerLimits {
  /** For one schema once it runs. Its steps are limited too, so this is for the time that they do not count. */
  readonly compileTimeoutMs: number;
  /** The same for an answer's grammar, with the schemas of all its tools. */
  readonly answerTimeoutMs: number;
  /** For the thread to start, apart from the schema. */
  readonly startTimeoutMs: number;
  /** Schemas that may wait. */
  readonly waiting: number;
  /** Of these, of one client. */
  readonly waitingPerClient: number;
  /** Of all schemas that wait. */
  readonly waitingChars: number;
  /** Of grammars and refusals that are kept. */
  readonly cacheBytes: number;
  readonly threadMemoryMiB: number;
}

export const defaultSchemaCompilerLimits: SchemaCompilerLimits = {
  compileTimeoutMs: 2_000,
  answerTimeoutMs: 10_000,
  startTimeoutMs: 10_000,
  waiting: 64,
  waitingPerClient: 32,
  waitingChars: 8 << 20,
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
   * The schema's grammar, or why it has no grammar.
   * @param client shares the thread fairly with other clients
   * @throws WaggleError resource_exhausted when too many wait; internal
   */
  compile(schema: unknown, client: string): Promise<CompiledSchema>;
  /** The same for everything that limits an answer to messages. */
  compileAnswer(options: AnswerGrammarOptions, client: string): Promise<CompiledSchema>;
  /** Refuses waiting schemas; resolves when no thread is left. */
  close(): Promise<void>;
}

const shownPathChars = 200;
/** A schema, a request's tools, and what else belongs to a task. */
const taskChars = requestLimits.schemaChars + requestLimits.toolsChars + 65_536;

/** How soon a refused client may ask again. */
const retryAfterS = 1;

/** Starts no thread before the first schema. */
export function createSchemaCompiler(options: SchemaCompilerOptions = {}): SchemaCompiler {
  const limits = { ...defaultSchemaCompilerLimits, ...options.limits };
  const { clock, startThread } = options;
  const cache = createResultCache<CompiledSchema>(limits.cacheBytes);
  const isolate = createIsolate<string, CompiledSchema>({
    thread: { name: "schema-thread", caller: import.meta.url },
    limits: {
      startMs: limits.startTimeoutMs,
      waiting: limits.waiting,
      waitingPerClient: limits.waitingPerClient,
      waitingSize: limits.waitingChars,
      heapMiB: limits.threadMemoryMiB,
    },
    ...(clock === undefined ? {} : { clock }),
    ...(startThread === undefined ? {} : { startThread }),
  });

  /** @param written the part of it that the client has written */
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
    cache.set(text, result, sizeOf(result));
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

/** @throws WaggleError where the schema is not the reason */
function refusalOf(error: unknown): CompiledSchema {
  const message = `Cannot compile the JSON schema: ${error instanceof Error ? error.message : "unknown"}`;
  switch (error instanceof IsolateError ? error.reason : undefined) {
    case "too_slow":
      return refusal("it takes too long");
    case "out_of_memory":
      return refusal("it takes too much memory");
    case "full":
      throw new WaggleError("resource_exhausted", `${message}.`, { retryAfterS });
    case "closed":
      throw new WaggleError("unavailable", `${message}.`, { retryAfterS });
    default:
      throw WaggleError.from(new Error(message, { cause: error }));
  }
}

/** A JSON Pointer. As text such a number would become null, and a constant would be another one. */
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
