// Owns what happens on the thread and when: who waits, whose turn it is, how long one may take, and that another thread comes when one
// has to go.
import { systemClock } from "@waggle/async";
import type { Clock, TimerHandle } from "@waggle/async";
import { TemplateError, overLimit } from "../template-error.ts";
import { createFairQueue } from "./fair-queue.ts";
import type { ThreadResult, ThreadTask } from "./render-task.ts";
import { startTemplateWorker } from "./template-worker.ts";
import type { TemplateThread, TemplateThreadEvents, ThreadMemory } from "./template-worker.ts";

export interface ThreadLimits extends ThreadMemory {
  /**
   * For one rendering, once it is its turn, of the thread's own time where the system tells it; its steps are bounded too, so this is for what
   * they do not see.
   */
  readonly renderTimeoutMs: number;
  /** For one rendering by the clock, however little of its own time the thread has got. */
  readonly renderDeadlineMs: number;
  /** For the thread to come up, beside it. */
  readonly startTimeoutMs: number;
  /** Renderings that may wait. */
  readonly waiting: number;
  /** Of these, of one client. */
  readonly waitingPerClient: number;
  /** Sources that may be opened; the thread keeps each. */
  readonly sources: number;
}

export const defaultThreadLimits: ThreadLimits = {
  renderTimeoutMs: 5_000,
  renderDeadlineMs: 60_000,
  startTimeoutMs: 10_000,
  waiting: 256,
  waitingPerClient: 128,
  sources: 256,
  heapMiB: 512,
  stackMiB: 4,
};

export interface TaskRunnerOptions {
  readonly limits: ThreadLimits;
  readonly clock?: Clock;
  /** Default: a thread of this process. */
  readonly startThread?: (events: TemplateThreadEvents) => TemplateThread;
}

export interface TaskRunner {
  /**
   * @param source sent along where the thread does not have the template yet
   * @param client who shares the thread fairly with others
   * @param onSpent what it has taken of the thread's time, rendered or not
   * @throws TemplateError whatever the rendering says; limit when it takes too long or too much memory; unavailable
   */
  run(task: ThreadTask, source: string, client: string, onSpent?: (ms: number) => void): Promise<string>;
  close(): Promise<void>;
}

interface Waiting {
  readonly task: ThreadTask;
  readonly source: string;
  readonly resolve: (text: string) => void;
  readonly reject: (error: TemplateError) => void;
  readonly onSpent: (ms: number) => void;
}

/** Milliseconds. */
interface Times {
  readonly clockMs: number;
  /** Undefined where nothing tells it. */
  readonly cpuMs: number | undefined;
}

/** Starts nothing until the first task comes. */
export function createTaskRunner({ limits, clock = systemClock, ...options }: TaskRunnerOptions): TaskRunner {
  const startThread = options.startThread ?? ((events) => startTemplateWorker(limits, events));
  const queue = createFairQueue<Waiting>();
  const leaving = new Set<Promise<unknown>>();
  /** Templates that the thread of now has read. */
  const known = new Set<number>();
  let thread: TemplateThread | undefined;
  let running: Waiting | undefined;
  let timer: TimerHandle | undefined;
  /** When the running rendering has begun. */
  let begun: Times | undefined;
  let isClosed = false;

  function next(): void {
    if (running !== undefined || isClosed) return;
    running = queue.take();
    if (running === undefined) return;
    if (thread === undefined) {
      const started = startThread({
        onReady: () => thread === started && begin(started),
        onResult: (result) => thread === started && finish(result),
        onGone: (error) => thread === started && drop(gone(error, limits)),
      });
      thread = started;
      allow(limits.startTimeoutMs, unavailable("its thread did not start"));
    } else begin(thread);
    send(thread, running);
  }

  function send(to: TemplateThread, { task, source, reject }: Waiting): void {
    try {
      to.perform(known.has(task.template) ? task : { ...task, source });
    } catch (error) {
      timer?.cancel();
      running = undefined;
      reject(new TemplateError("unsupported", "the values are no plain data", { cause: error }));
      next();
    }
  }

  function begin(of: TemplateThread): void {
    begun = timesOf(of);
    watch(of, begun, limits.renderTimeoutMs);
  }

  function watch(of: TemplateThread, since: Times, ms: number): void {
    timer?.cancel();
    timer = clock.setTimeout(() => {
      const left = limits.renderTimeoutMs - spentSince(of, since);
      const untilDeadline = limits.renderDeadlineMs - (clock.now() - since.clockMs);
      if (left <= 0) drop(tooSlow(limits));
      else if (untilDeadline <= 0) drop(tooBusy(limits));
      else watch(of, since, Math.min(left, untilDeadline));
    }, ms);
  }

  function timesOf(of: TemplateThread): Times {
    return { clockMs: clock.now(), cpuMs: of.cpuMs() };
  }

  /** Of the thread's own time, or by the clock where nothing tells that. */
  function spentSince(of: TemplateThread, since: Times): number {
    const { clockMs, cpuMs } = timesOf(of);
    return cpuMs === undefined || since.cpuMs === undefined ? clockMs - since.clockMs : cpuMs - since.cpuMs;
  }

  function tellSpent(): void {
    if (running !== undefined && thread !== undefined && begun !== undefined)
      running.onSpent(spentSince(thread, begun));
    begun = undefined;
  }

  function allow(ms: number, otherwise: TemplateError): void {
    timer?.cancel();
    timer = clock.setTimeout(() => drop(otherwise), ms);
  }

  /** The thread goes, and another comes for whoever is next. */
  function drop(error: TemplateError): void {
    tellSpent();
    endThread();
    timer?.cancel();
    const task = running;
    running = undefined;
    task?.reject(error);
    next();
  }

  function endThread(): void {
    if (thread === undefined) return;
    const gonePromise = thread.end().catch(() => undefined);
    thread = undefined;
    known.clear();
    leaving.add(gonePromise);
    void gonePromise.then(() => leaving.delete(gonePromise));
  }

  function finish(result: ThreadResult): void {
    tellSpent();
    timer?.cancel();
    const task = running;
    running = undefined;
    if (task !== undefined) settle(task, result);
    next();
  }

  function settle({ task, resolve, reject }: Waiting, result: ThreadResult): void {
    if (result.kind === "rendered") {
      known.add(task.template);
      resolve(result.text);
    } else reject(new TemplateError(result.reason ?? "unavailable", result.message));
  }

  return {
    async run(task, source, client, onSpent = () => {}) {
      if (isClosed) throw closed();
      if (queue.size >= limits.waiting || queue.sizeOf(client) >= limits.waitingPerClient) {
        throw unavailable("too many others are waiting for it");
      }
      return await new Promise((resolve, reject) => {
        queue.push(client, { task, source, resolve, reject, onSpent });
        next();
      });
    },
    async close() {
      isClosed = true;
      timer?.cancel();
      const tasks = [...(running === undefined ? [] : [running]), ...queue.drain()];
      running = undefined;
      for (const { reject } of tasks) reject(closed());
      endThread();
      await Promise.all(leaving);
    },
  };
}

function unavailable(message: string): TemplateError {
  return new TemplateError("unavailable", message);
}

function closed(): TemplateError {
  return unavailable("the renderer is closed");
}

function tooSlow({ renderTimeoutMs }: ThreadLimits): TemplateError {
  return overLimit(`it takes more than ${renderTimeoutMs} ms`);
}

function tooBusy({ renderDeadlineMs }: ThreadLimits): TemplateError {
  return unavailable(`the machine has been too busy for ${renderDeadlineMs} ms`);
}

function gone(error: Error, { heapMiB }: ThreadLimits): TemplateError {
  const isMemory = (error as NodeJS.ErrnoException).code === "ERR_WORKER_OUT_OF_MEMORY";
  return isMemory ? overLimit(`it takes more than ${heapMiB} MiB of memory`) : unavailable(error.message);
}
