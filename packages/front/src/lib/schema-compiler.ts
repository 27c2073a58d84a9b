// Owns the compilation of JSON schemas, off the main thread: who waits, whose turn it is, how long a schema may take, and what is still
// known from before.
import { systemClock } from "@waggle/async";
import type { AnswerGrammarOptions } from "@waggle/chat-format";
import type { Clock, TimerHandle } from "@waggle/async";
import { WaggleError, requestLimits } from "@waggle/protocol";
import { createResultCache } from "./result-cache.ts";
import type { CompiledSchema, GrammarTask } from "./schema-thread.ts";
import { startSchemaWorker } from "./schema-worker.ts";
import type { SchemaThread, SchemaThreadEvents } from "./schema-worker.ts";

export interface SchemaCompilerLimits {
  /** For one schema, once it is its turn; its work is bounded too, so this is for what that does not see. */
  readonly compileTimeoutMs: number;
  /** The same for an answer's grammar, with the schemas of all its tools. */
  readonly answerTimeoutMs: number;
  /** For the thread to come up, beside it. */
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
  readonly startThread?: (events: SchemaThreadEvents) => SchemaThread;
}

export interface SchemaCompiler {
  /**
   * The grammar that the schema comes down to, or why there is none.
   * @param client who shares the thread fairly with whom
   * @throws WaggleError resource_exhausted when too many wait; internal
   */
  compile(schema: unknown, client: string): Promise<Exclude<CompiledSchema, { kind: "failed" }>>;
  /** The same for all that an answer to messages is held to. */
  compileAnswer(options: AnswerGrammarOptions, client: string): Promise<Exclude<CompiledSchema, { kind: "failed" }>>;
  /** Who waits hears that the worker is leaving; resolves when the thread is gone. */
  close(): Promise<void>;
}

interface Task {
  readonly text: string;
  readonly client: string;
  readonly timeoutMs: number;
  readonly resolve: (result: CompiledSchema) => void;
  readonly reject: (error: WaggleError) => void;
}

const shownPathChars = 200;
/** A schema, a request's tools, and what else belongs to a task. */
const taskChars = requestLimits.schemaChars + requestLimits.toolsChars + 65_536;

/** How soon a refused client may ask again. */
const retryAfterS = 1;

/** Starts nothing until the first schema comes. */
export function createSchemaCompiler(options: SchemaCompilerOptions = {}): SchemaCompiler {
  const limits = { ...defaultSchemaCompilerLimits, ...options.limits };
  const clock = options.clock ?? systemClock;
  const startThread = options.startThread ?? ((events) => startSchemaWorker(limits.threadMemoryMiB, events));
  const cache = createResultCache<CompiledSchema>(limits.cacheBytes);
  /** By client, each in the order of arrival; the first client is next. */
  const waiting = new Map<string, Task[]>();
  const leaving = new Set<Promise<unknown>>();
  let waitingCount = 0;
  let waitingChars = 0;
  let thread: SchemaThread | undefined;
  let running: Task | undefined;
  let timer: TimerHandle | undefined;
  let isClosed = false;

  function admit(task: Task): void {
    const ofClient = waiting.get(task.client) ?? [];
    const isFull = waitingCount >= limits.waiting || waitingChars + task.text.length > limits.waitingChars;
    if (isFull || ofClient.length >= limits.waitingPerClient) {
      const message = "Cannot compile the JSON schema: too many others are waiting for it.";
      throw new WaggleError("resource_exhausted", message, { retryAfterS });
    }
    waiting.set(task.client, [...ofClient, task]);
    waitingCount += 1;
    waitingChars += task.text.length;
  }

  /** One schema of each client in turn. */
  function take(): Task | undefined {
    const [turn] = waiting;
    if (turn === undefined) return undefined;
    const [client, [task, ...rest]] = turn;
    waitingChars -= task?.text.length ?? 0;
    waiting.delete(client);
    if (rest.length > 0) waiting.set(client, rest);
    waitingCount -= 1;
    return task;
  }

  function next(): void {
    if (running !== undefined || isClosed) return;
    running = take();
    if (running === undefined) return;
    if (thread === undefined) {
      const started = startThread({
        onReady: () => thread === started && allow(running?.timeoutMs ?? 0, tooSlow),
        onCompiled: (result) => thread === started && finish(result),
        onGone: (error) => thread === started && drop(gone(error)),
      });
      thread = started;
      allow(limits.startTimeoutMs, { kind: "failed", message: "its thread did not start" });
    } else allow(running.timeoutMs, tooSlow);
    thread.compile(running.text);
  }

  function allow(ms: number, otherwise: CompiledSchema): void {
    timer?.cancel();
    timer = clock.setTimeout(() => drop(otherwise), ms);
  }

  /** The thread goes, and another comes for whoever is next. */
  function drop(result: CompiledSchema): void {
    endThread();
    finish(result);
  }

  function endThread(): void {
    if (thread === undefined) return;
    const gone = thread.end().catch(() => undefined);
    thread = undefined;
    leaving.add(gone);
    void gone.then(() => leaving.delete(gone));
  }

  function finish(result: CompiledSchema): void {
    timer?.cancel();
    const task = running;
    running = undefined;
    if (task !== undefined) {
      if (result.kind !== "failed") cache.set(task.text, result, sizeOf(result));
      task.resolve(result);
    }
    next();
  }

  async function result(text: string, client: string, timeoutMs: number): Promise<CompiledSchema> {
    const known = cache.get(text);
    if (known !== undefined) return known;
    if (isClosed) throw closed();
    return await new Promise((resolve, reject) => {
      admit({ text, client, timeoutMs, resolve, reject });
      next();
    });
  }

  /** @param written what of it the client has written */
  async function compileTask(
    task: GrammarTask,
    written: unknown,
    client: string,
  ): Promise<Exclude<CompiledSchema, { kind: "failed" }>> {
    const place = infinityIn(written, "");
    if (place !== undefined) {
      const message = `Cannot compile the JSON schema: the number at ${place.slice(0, shownPathChars)} is larger than any double`;
      return { kind: "refused", message };
    }
    const text = JSON.stringify(task);
    if (text.length > taskChars) {
      const message = `Cannot compile the JSON schema: it has more than ${taskChars} characters`;
      return { kind: "refused", message };
    }
    const compiled = await result(text, client, "answer" in task ? limits.answerTimeoutMs : limits.compileTimeoutMs);
    if (compiled.kind !== "failed") return compiled;
    throw WaggleError.from(new Error(`Cannot compile the JSON schema: ${compiled.message}`));
  }

  return {
    compile: async (schema, client) => await compileTask({ schema }, schema, client),
    compileAnswer: async (options, client) =>
      await compileTask({ answer: options }, [options.tools, options.schema], client),
    async close() {
      isClosed = true;
      timer?.cancel();
      const tasks = [...(running === undefined ? [] : [running]), ...[...waiting.values()].flat()];
      running = undefined;
      waiting.clear();
      for (const { reject } of tasks) reject(closed());
      endThread();
      await Promise.all(leaving);
    },
  };
}

const tooSlow: CompiledSchema = { kind: "refused", message: "Cannot compile the JSON schema: it takes too long" };

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

function gone(error: Error): CompiledSchema {
  if ((error as NodeJS.ErrnoException).code === "ERR_WORKER_OUT_OF_MEMORY") {
    return { kind: "refused", message: "Cannot compile the JSON schema: it takes too much memory" };
  }
  return { kind: "failed", message: error.message };
}

function closed(): WaggleError {
  return new WaggleError("unavailable", "Cannot compile the JSON schema: the worker is leaving.", { retryAfterS });
}

function sizeOf(result: CompiledSchema): number {
  return result.kind === "grammar" ? result.grammar.length : result.message.length;
}
