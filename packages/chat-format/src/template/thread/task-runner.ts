// Renders templates on a thread that can be killed; keeps its limits, and the list of templates that the thread has read.
import { createIsolate, IsolateError, performHere } from "@waggle/async";
import type { Clock, StartIsolateThread } from "@waggle/async";
import { TemplateError } from "../template-error.ts";
import type { TemplateErrorReason } from "../template-error.ts";
import { createTaskPerformer } from "./render-task.ts";
import type { RenderResult, RenderTask } from "./render-task.ts";

export interface ThreadLimits {
  /**
   * For one rendering, of the thread's processor time where the system reports it. Steps are limited too, so this is for the time that they do
   * not count.
   */
  readonly renderTimeoutMs: number;
  /** For one rendering by the clock, however little processor time the thread got. */
  readonly renderDeadlineMs: number;
  /** For the thread to start, apart from the rendering. */
  readonly startTimeoutMs: number;
  /** Most renderings that may wait. */
  readonly waiting: number;
  /** Most renderings of one client that may wait. */
  readonly waitingPerClient: number;
  /** Sources that may be opened; the thread keeps each. */
  readonly sources: number;
  readonly heapMiB: number;
  readonly stackMiB: number;
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

export type StartTemplateThread = StartIsolateThread<RenderTask, RenderResult>;

/** Renders on the caller's thread, for a caller on a thread that can be killed: nothing else ends a template that takes too long. */
export const renderHere: StartTemplateThread = (events) => performHere(createTaskPerformer(), events);

export interface TaskRunnerOptions {
  readonly limits: ThreadLimits;
  readonly clock?: Clock;
  /** Default: a thread of this process. */
  readonly startThread?: StartTemplateThread;
}

export interface TaskRunner {
  /**
   * @param source sent along where the thread does not have the template yet
   * @param client shares the thread fairly with other clients
   * @param onSpent receives how long the thread took, whether or not the rendering succeeded
   * @throws TemplateError of the rendering; limit when it takes too long or too much memory; unavailable
   */
  run(task: RenderTask, source: string, client: string, onSpent?: (ms: number) => void): Promise<string>;
  close(): Promise<void>;
}

/** Makes a runner that starts its thread with the first task. */
export function createTaskRunner({ limits, clock, startThread }: TaskRunnerOptions): TaskRunner {
  /** Templates that the running thread has read. */
  const known = new Set<number>();
  const isolate = createIsolate<{ task: RenderTask; source: string }, RenderResult, RenderTask>({
    thread: { name: "template-thread", caller: import.meta.url },
    limits: { ...limits, startMs: limits.startTimeoutMs, deadlineMs: limits.renderDeadlineMs },
    messageOf: ({ task, source }) => (known.has(task.template) ? task : { ...task, source }),
    onStart: () => known.clear(),
    ...(clock === undefined ? {} : { clock }),
    ...(startThread === undefined ? {} : { startThread }),
  });

  return {
    async run(task, source, client, onSpent = () => {}) {
      const result = await isolate
        .run({ task, source }, { limitMs: limits.renderTimeoutMs, client, onSpent })
        .catch((error: unknown) => {
          throw error instanceof IsolateError
            ? new TemplateError(reasons[error.reason] ?? "unavailable", error.message, { cause: error })
            : error;
        });
      if (result.kind === "failed") throw new TemplateError(result.reason, result.message);
      known.add(task.template);
      return result.text;
    },
    close: async () => await isolate.close(),
  };
}

/** Errors of the thread that have a specific reason; all others are `unavailable`. */
const reasons: Readonly<Partial<Record<IsolateError["reason"], TemplateErrorReason>>> = {
  too_slow: "limit",
  out_of_memory: "limit",
  not_data: "unsupported",
};
