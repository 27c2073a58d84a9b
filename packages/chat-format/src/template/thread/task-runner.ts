// Renders templates on a thread that can be killed. Owns the thread's limits, and the list of templates that the thread has parsed.
import { createIsolate, IsolateError, performHere, type IsolateLimits, type StartIsolateThread } from "@waggle/async";
import { TemplateError, type TemplateErrorReason } from "../template-error.ts";
import { createTaskPerformer, type RenderResult, type RenderTask } from "./render-task.ts";

export interface ThreadLimits extends Required<Omit<IsolateLimits, "waitingSize">> {
  /**
   * Time limit for one rendering: of the thread's processor time if the system reports it, otherwise by the clock. The limit covers work that does
   * not count as steps. Milliseconds.
   */
  readonly renderTimeoutMs: number;
  /** Maximum number of opened sources. The thread keeps all of them. */
  readonly sources: number;
}

export const defaultThreadLimits: ThreadLimits = {
  renderTimeoutMs: 5_000,
  deadlineMs: 60_000,
  startMs: 10_000,
  waiting: 256,
  clientShare: 0.5,
  sources: 256,
  heapMiB: 512,
  stackMiB: 4,
};

export type StartTemplateThread = StartIsolateThread<RenderTask, RenderResult>;

/** Renders on the caller's thread, where no time limit stops a template: the caller must be on a thread that can be killed. */
export const renderHere: StartTemplateThread = (events) => performHere(createTaskPerformer(), events);

export interface TaskRunner {
  /**
   * @param source sent to the thread if the thread does not have the template yet
   * @param client name of the client: waiting tasks take turns by client
   * @param onSpent receives the steps of the rendering, also if the rendering failed; all that it may take if its thread was killed
   * @throws TemplateError of the rendering; limit if it takes too long or too much memory; unavailable
   */
  run(task: RenderTask, source: string, client: string, onSpent?: (steps: number) => void): Promise<string>;
  close(): Promise<void>;
}

/** Makes a runner that starts its thread with the first task. */
export function createTaskRunner(limits: ThreadLimits, startThread: StartTemplateThread | undefined): TaskRunner {
  /** Templates that the running thread has parsed. */
  const known = new Set<number>();
  const isolate = createIsolate<{ task: RenderTask; source: string }, RenderResult, RenderTask>({
    thread: { name: "template-thread", caller: import.meta.url },
    limits,
    toMessage: ({ task, source }) => (known.has(task.template) ? task : { ...task, source }),
    onStart: () => known.clear(),
    ...(startThread === undefined ? {} : { startThread }),
  });

  return {
    async run(task, source, client, onSpent = () => {}) {
      const result = await isolate
        .run({ task, source }, { limitMs: limits.renderTimeoutMs, client })
        .catch((error: unknown) => {
          onSpent(task.limits.steps);
          throw error instanceof IsolateError
            ? new TemplateError(reasons[error.reason] ?? "unavailable", error.message, { cause: error })
            : error;
        });
      onSpent(result.steps);
      if (result.kind === "failed") throw new TemplateError(result.reason, result.message);
      known.add(task.template);
      return result.text;
    },
    close: async () => await isolate.close(),
  };
}

/** Reasons for the thread's errors; errors that are not in this table are `unavailable`. */
const reasons: Readonly<Partial<Record<IsolateError["reason"], TemplateErrorReason>>> = {
  too_slow: "limit",
  out_of_memory: "limit",
  not_data: "unsupported",
};
