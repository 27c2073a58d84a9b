// Owns when files are described and prompts are rendered by them: one after the other, each on a thread of its own, for so long and no longer.
import { onAbort, systemClock, type Clock } from "@waggle/async";
import type { FileDescription } from "./describe-file.ts";
import type { DescriptionResult, DescriptionTask, Rendered } from "./description-thread.ts";
import { startDescriptionWorker, type DescriptionThread } from "./description-worker.ts";

export interface DescriberLimits {
  /** For one file, once it is its turn. */
  readonly timeoutMs: number;
  /** Files that may wait. */
  readonly waiting: number;
}

export const defaultDescriberLimits: DescriberLimits = { timeoutMs: 20_000, waiting: 64 };

export interface FileDescriberOptions {
  readonly limits?: Partial<DescriberLimits>;
  readonly clock?: Clock;
  /** Default: a thread of this process. */
  readonly startThread?: (task: DescriptionTask) => DescriptionThread;
}

export interface FileDescriber {
  /** @throws Error with the reason: what cannot be read, takes too long, or has too many before it */
  describe(task: Omit<DescriptionTask, "render">): Promise<FileDescription>;
  /**
   * A prompt by the file alone.
   * @param signal aborts when nobody waits for the prompt any more
   * @throws Error as `describe`
   */
  render(task: Required<DescriptionTask>, signal: AbortSignal): Promise<Rendered>;
  /** Who waits is refused; resolves when no thread is left. */
  close(): Promise<void>;
}

interface Waiting {
  readonly task: DescriptionTask;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (result: Told) => void;
  readonly reject: (error: Error) => void;
}

type Told = Exclude<DescriptionResult, { kind: "failed" }>;

export function createFileDescriber(options: FileDescriberOptions = {}): FileDescriber {
  const { clock = systemClock, startThread = startDescriptionWorker } = options;
  const limits = { ...defaultDescriberLimits, ...options.limits };
  const queue: Waiting[] = [];
  let running: Promise<void> | undefined;
  let stop: ((error: Error) => void) | undefined;
  let isClosed = false;

  async function run({ task, signal }: Waiting): Promise<Told> {
    if (signal?.aborted) throw left();
    const thread = startThread(task);
    let giveUp = (_: Error): void => {};
    const ended = new Promise<never>((_, reject) => (giveUp = reject));
    const timer = clock.setTimeout(
      () => giveUp(new Error(`it takes more than ${limits.timeoutMs} ms`)),
      limits.timeoutMs,
    );
    stop = giveUp;
    const forget = signal === undefined ? undefined : onAbort(signal, () => giveUp(left()));
    try {
      const result = await Promise.race([thread.result, ended]);
      if (result.kind === "failed") throw new Error(result.message);
      return result;
    } finally {
      stop = undefined;
      timer.cancel();
      forget?.();
      await thread.end();
    }
  }

  async function work(): Promise<void> {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      await run(next).then(next.resolve, next.reject);
    }
    running = undefined;
  }

  async function ask(task: DescriptionTask, signal?: AbortSignal): Promise<Told> {
    if (isClosed) throw closed();
    if (queue.length >= limits.waiting) throw new Error("too many others are before it");
    return await new Promise((resolve, reject) => {
      queue.push({ task, signal, resolve, reject });
      running ??= work();
    });
  }

  return {
    async describe(task) {
      const told = await ask(task);
      if (told.kind !== "described") throw new Error("its thread has rendered a prompt");
      return told.description;
    },
    async render(task, signal) {
      const told = await ask(task, signal);
      if (told.kind === "described") throw new Error("its thread has described the file");
      return told;
    },
    async close() {
      isClosed = true;
      for (const { reject } of queue.splice(0)) reject(closed());
      stop?.(closed());
      await running;
    },
  };
}

function left(): Error {
  return new Error("the client left");
}

function closed(): Error {
  return new Error("the worker is leaving");
}
