// Owns the queue of tasks for description threads. Tasks run one after the other, each on a separate thread.
import { createIsolate, type StartIsolateThread } from "@waggle/async";
import type { FileDescription } from "./describe-file.ts";
import type { DescriptionResult, DescriptionTask, Rendered } from "./description-thread.ts";

export interface FileDescriberOptions {
  /** Maximum number of waiting tasks. Default: 64. */
  readonly waiting?: number;
  /** Default: a thread of this process. */
  readonly startThread?: StartIsolateThread<DescriptionTask, DescriptionResult>;
}

export interface FileDescriber {
  /** @throws Error with the reason: the file cannot be read, its template takes too many steps, or too many other tasks wait */
  describe(task: Omit<DescriptionTask, "render">): Promise<FileDescription>;
  /**
   * Renders a prompt with the template in the file.
   * @param signal aborts when the prompt is not needed any more
   * @throws Error for the same reasons as `describe`
   */
  render(task: Required<DescriptionTask>, signal: AbortSignal): Promise<Rendered>;
  /** Rejects waiting tasks; resolves when no thread is left. */
  close(): Promise<void>;
}

/** The same limits as for the thread that renders templates. */
const memory = { heapMiB: 512, stackMiB: 4 };

export function createFileDescriber(options: FileDescriberOptions = {}): FileDescriber {
  const { waiting = 64, startThread } = options;
  const isolate = createIsolate<DescriptionTask, DescriptionResult>({
    thread: { name: "description-thread", caller: import.meta.url },
    limits: { ...memory, waiting },
    threadPerTask: true,
    ...(startThread === undefined ? {} : { startThread }),
  });

  return {
    async describe(task) {
      const result = await isolate.run(task);
      if (result.kind !== "described") throw new Error("its thread has rendered a prompt");
      return result.description;
    },
    async render(task, signal) {
      const result = await isolate.run(task, { signal });
      if (result.kind === "described") throw new Error("its thread has described the file");
      return result;
    },
    close: async () => await isolate.close(),
  };
}
