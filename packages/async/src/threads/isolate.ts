// Runs tasks on a thread that can be killed: picks the next task, enforces time limits, and starts a new thread after one ended.
import type { Transferable } from "node:worker_threads";
import { createFairQueue } from "../clients/fair-queue.ts";
import { createShares } from "../clients/shares.ts";
import { systemClock, type Clock, type TimerHandle } from "../waiting/clock.ts";
import { onAbort } from "../waiting/signals.ts";
import {
  startIsolateThread,
  type IsolateThread,
  type IsolateThreadEvents,
  type ThreadMemory,
  type ThreadModule,
} from "./isolate-thread.ts";

export interface IsolateLimits extends ThreadMemory {
  /** Time limit for the start of a thread. When absent, the start of the thread counts towards the limit of its first task. */
  readonly startMs?: number;
  /**
   * Wall-clock limit of one task. When this limit is set, `limitMs` of a task counts processor time (if the system reports it), so that a busy
   * machine does not end a task too early.
   */
  readonly deadlineMs?: number;
  /** Limit for the number of waiting tasks, over all clients. */
  readonly waiting: number;
  /** Limit for the sum of the sizes of all waiting tasks. */
  readonly waitingSize?: number;
  /** Share of both limits that one client may use. Default: 1. */
  readonly clientShare?: number;
}

export interface IsolateOptions<Task, Result, Message> {
  readonly thread: ThreadModule;
  readonly limits: IsolateLimits;
  /** Ends the thread after each task. */
  readonly threadPerTask?: boolean;
  /** Whether the thread ends after this task, for example because it keeps too much memory. */
  readonly endThreadAfter?: (task: Task, result: Result) => boolean;
  /** The message for the thread; default: the task itself. */
  readonly toMessage?: (task: Task) => Message;
  /** Buffers of the message that are moved to the thread instead of copied. */
  readonly movedOf?: (message: Message) => readonly Transferable[];
  readonly clock?: Clock;
  /** Starts the thread; by default a worker thread with `thread` as its module. */
  readonly startThread?: StartIsolateThread<Message, Result>;
}

export type StartIsolateThread<Message, Result> = (events: IsolateThreadEvents<Result>) => IsolateThread<Message>;

export interface TaskOptions {
  /** Absent: the task counts its work and ends by itself. */
  readonly limitMs?: number;
  /** Clients take turns on the thread. */
  readonly client?: string;
  /** Counts for `waitingSize`. */
  readonly size?: number;
  /** Aborts when the result is not needed any more. */
  readonly signal?: AbortSignal | undefined;
}

export interface Isolate<Task, Result> {
  /** @throws IsolateError */
  run(task: Task, options?: TaskOptions): Promise<Result>;
  /** Rejects running, waiting and later tasks; resolves when no thread is left. */
  close(): Promise<void>;
}

export type IsolateErrorReason =
  /** Too many tasks wait. */
  | "full"
  /** The isolate was closed. */
  | "closed"
  /** The task's signal aborted. */
  | "left"
  /** The message cannot be sent to a thread. */
  | "not_data"
  /** The system has no thread now, or the thread did not start in time. */
  | "not_started"
  /** The task took longer than its limit. */
  | "too_slow"
  /** The task took longer than the deadline, because other work kept the processor busy. */
  | "too_busy"
  /** The task needed more than the heap limit. */
  | "out_of_memory"
  /** The task threw an error, or its thread ended by itself. */
  | "failed";

export class IsolateError extends Error {
  override readonly name = "IsolateError";
  readonly reason: IsolateErrorReason;

  constructor(reason: IsolateErrorReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

interface Waiting<Task, Result> extends TaskOptions {
  readonly task: Task;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: IsolateError) => void;
}

/** Wall-clock time and processor time at one moment. */
interface Times {
  readonly clockMs: number;
  /** Undefined when only wall-clock time counts. */
  readonly cpuMs: number | undefined;
}

/** Starts no thread before the first task. */
export function createIsolate<Task, Result, Message = Task>(
  options: IsolateOptions<Task, Result, Message>,
): Isolate<Task, Result> {
  const { limits, clock = systemClock } = options;
  const { startMs, deadlineMs = Infinity } = limits;
  const toMessage = options.toMessage ?? ((task: Task) => task as unknown as Message);
  const startThread: StartIsolateThread<Message, Result> =
    options.startThread ?? ((events) => startIsolateThread(options.thread, limits, events));
  const queue = createFairQueue<Waiting<Task, Result>>();
  const places = createShares(limits.waiting, limits.clientShare ?? 1);
  const sizes = createShares(limits.waitingSize ?? Infinity, limits.clientShare ?? 1);
  const ending = new Set<Promise<unknown>>();
  let thread: IsolateThread<Message> | undefined;
  let running: Waiting<Task, Result> | undefined;
  let timer: TimerHandle | undefined;
  let unlisten = (): void => {};
  let isClosed = false;

  function next(): void {
    if (running !== undefined || isClosed) return;
    running = queue.take();
    if (running === undefined) return;
    const { task, signal, client = "", size = 0 } = running;
    places.add(client, -1);
    sizes.add(client, -size);
    if (signal?.aborted) {
      settle(({ reject }) => reject(left()));
      return;
    }
    if (signal !== undefined) unlisten = onAbort(signal, () => drop(left()));
    try {
      const isStarting = thread === undefined && startMs !== undefined;
      thread ??= start();
      if (isStarting) allowStart(startMs);
      else begin(thread);
      const message = toMessage(task);
      thread.perform(message, options.movedOf?.(message));
    } catch (error) {
      settle(({ reject }) => reject(thread === undefined ? notStarted(error as Error) : sendErrorOf(error)));
    }
  }

  function start(): IsolateThread<Message> {
    const started = startThread({
      onReady: () => thread === started && startMs !== undefined && begin(started),
      onResult: (result) => thread === started && finish(({ resolve }) => resolve(result), endsWith(result)),
      onFailed: (message) => thread === started && finish(({ reject }) => reject(new IsolateError("failed", message))),
      onGone: (error) => thread === started && drop(goneErrorOf(error, limits)),
    });
    return started;
  }

  function allowStart(ms: number): void {
    timer?.cancel();
    timer = clock.setTimeout(() => drop(new IsolateError("not_started", "its thread did not start")), ms);
  }

  function begin(on: IsolateThread<Message>): void {
    timer?.cancel();
    if (running?.limitMs === undefined) return;
    watch(on, timesOf(on), running.limitMs, Math.min(running.limitMs, deadlineMs));
  }

  /** Checks the limits after `ms` milliseconds, and again at the earliest time at which the task can exceed them. */
  function watch(on: IsolateThread<Message>, since: Times, limitMs: number, ms: number): void {
    timer?.cancel();
    timer = clock.setTimeout(() => {
      const leftMs = limitMs - spentSince(on, since);
      const untilDeadlineMs = deadlineMs - (clock.now() - since.clockMs);
      if (leftMs <= 0) drop(new IsolateError("too_slow", `it takes more than ${limitMs} ms`));
      else if (untilDeadlineMs <= 0)
        drop(new IsolateError("too_busy", `the machine has been too busy for ${deadlineMs} ms`));
      else watch(on, since, limitMs, Math.min(leftMs, untilDeadlineMs));
    }, ms);
  }

  function timesOf(on: IsolateThread<Message>): Times {
    return { clockMs: clock.now(), cpuMs: limits.deadlineMs === undefined ? undefined : on.cpuMs() };
  }

  function spentSince(on: IsolateThread<Message>, since: Times): number {
    const { clockMs, cpuMs } = timesOf(on);
    return cpuMs === undefined || since.cpuMs === undefined ? clockMs - since.clockMs : cpuMs - since.cpuMs;
  }

  function endsWith(result: Result): boolean {
    return running !== undefined && options.endThreadAfter?.(running.task, result) === true;
  }

  function finish(how: (task: Waiting<Task, Result>) => void, isLast = false): void {
    if (isLast || options.threadPerTask === true) endThread();
    settle(how);
  }

  /** Kills the thread; the next task starts a new thread. */
  function drop(error: IsolateError): void {
    endThread();
    settle(({ reject }) => reject(error));
  }

  function endThread(): void {
    if (thread === undefined) return;
    const ended = thread.end().catch(() => undefined);
    const gone: Promise<unknown> = ended.then(() => ending.delete(gone));
    thread = undefined;
    ending.add(gone);
  }

  function settle(how: (task: Waiting<Task, Result>) => void): void {
    timer?.cancel();
    unlisten();
    unlisten = () => {};
    const task = running;
    running = undefined;
    if (task !== undefined) how(task);
    next();
  }

  return {
    async run(task, taskOptions = {}) {
      const { client = "", size = 0 } = taskOptions;
      if (isClosed) throw closed();
      if ((places.limitFor(client, 1) ?? sizes.limitFor(client, size)) !== undefined) {
        throw new IsolateError("full", "too many other tasks are waiting");
      }
      return await new Promise((resolve, reject) => {
        places.add(client, 1);
        sizes.add(client, size);
        queue.push(client, { ...taskOptions, task, resolve, reject });
        next();
      });
    },
    async close() {
      isClosed = true;
      const waiting = queue.drain();
      drop(closed());
      for (const { reject } of waiting) reject(closed());
      await Promise.all(ending);
    },
  };
}

function closed(): IsolateError {
  return new IsolateError("closed", "the process is leaving");
}

function left(): IsolateError {
  return new IsolateError("left", "the client left");
}

function sendErrorOf(error: unknown): IsolateError {
  const isData = !(error instanceof DOMException && error.name === "DataCloneError");
  const message = error instanceof Error ? error.message : "unknown";
  return isData
    ? new IsolateError("failed", message, { cause: error })
    : new IsolateError("not_data", "the values are not plain data", { cause: error });
}

function notStarted(cause: Error): IsolateError {
  return new IsolateError("not_started", `its thread cannot start: ${cause.message}`, { cause });
}

function goneErrorOf(error: Error, { heapMiB }: ThreadMemory): IsolateError {
  switch ((error as NodeJS.ErrnoException).code) {
    case "ERR_WORKER_OUT_OF_MEMORY":
      return new IsolateError("out_of_memory", `it takes more than ${heapMiB} MiB of memory`);
    case "ERR_WORKER_INIT_FAILED":
      return notStarted(error);
    default:
      return new IsolateError("failed", error.message);
  }
}
