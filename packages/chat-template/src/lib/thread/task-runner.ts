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
  /** For one rendering, once it is its turn; its steps are bounded too, so this is for what they do not see. */
  readonly renderTimeoutMs: number;
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
   * @throws TemplateError whatever the rendering says; limit when it takes too long or too much memory; unavailable
   */
  run(task: ThreadTask, source: string, client: string): Promise<string>;
  close(): Promise<void>;
}

interface Waiting {
  readonly task: ThreadTask;
  readonly source: string;
  readonly resolve: (text: string) => void;
  readonly reject: (error: TemplateError) => void;
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
  let isClosed = false;

  function next(): void {
    if (running !== undefined || isClosed) return;
    running = queue.take();
    if (running === undefined) return;
    if (thread === undefined) {
      const started = startThread({
        onReady: () => thread === started && allow(limits.renderTimeoutMs, tooSlow(limits)),
        onResult: (result) => thread === started && finish(result),
        onGone: (error) => thread === started && drop(gone(error, limits)),
      });
      thread = started;
      allow(limits.startTimeoutMs, unavailable("its thread did not start"));
    } else allow(limits.renderTimeoutMs, tooSlow(limits));
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

  function allow(ms: number, otherwise: TemplateError): void {
    timer?.cancel();
    timer = clock.setTimeout(() => drop(otherwise), ms);
  }

  /** The thread goes, and another comes for whoever is next. */
  function drop(error: TemplateError): void {
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
    async run(task, source, client) {
      if (isClosed) throw closed();
      if (queue.size >= limits.waiting || queue.sizeOf(client) >= limits.waitingPerClient) {
        throw unavailable("too many others are waiting for it");
      }
      return await new Promise((resolve, reject) => {
        queue.push(client, { task, source, resolve, reject });
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

function gone(error: Error, { heapMiB }: ThreadLimits): TemplateError {
  const isMemory = (error as NodeJS.ErrnoException).code === "ERR_WORKER_OUT_OF_MEMORY";
  return isMemory ? overLimit(`it takes more than ${heapMiB} MiB of memory`) : unavailable(error.message);
}
