// Implements both ends of a thread that performs tasks: its start, the messages in both directions, and its processor time.
import { parentPort, type Transferable } from "node:worker_threads";
import { inBackground } from "../waiting/in-background.ts";
import { cpuTimeMs, cpuTimePath } from "./cpu-time.ts";
import { startThread } from "./start-thread.ts";

/** The part of a thread that an isolate uses. */
export interface IsolateThread<Message> {
  /**
   * @param moved buffers of the message that are moved to the thread instead of copied
   * @throws DataCloneError when the message is not plain data
   */
  perform(message: Message, moved?: readonly Transferable[]): void;
  /** Processor time of the thread so far; undefined when the system does not report it. */
  cpuMs(): number | undefined;
  /** Ends the thread, and resolves once it has ended. */
  end(): Promise<unknown>;
}

export interface IsolateThreadEvents<Result> {
  /** Called once, when the thread has loaded its modules. */
  readonly onReady: () => void;
  readonly onResult: (result: Result) => void;
  /** Called when a task threw an error; the thread continues. */
  readonly onFailed: (message: string) => void;
  /** Called when the thread has ended, whatever the cause. */
  readonly onGone: (error: Error) => void;
}

export interface ThreadModule {
  /** The module that calls `serveTasks`, in the caller's folder, without file extension. */
  readonly name: string;
  /** `import.meta.url` of the caller. */
  readonly caller: string;
}

export interface ThreadMemory {
  readonly heapMiB: number;
  /** Default: Node's stack size. */
  readonly stackMiB?: number;
}

type Answer<Result> =
  /** `times`: path of the file with the thread's processor time. */
  | { readonly kind: "ready"; readonly times: string | undefined }
  | { readonly kind: "result"; readonly result: Result }
  | { readonly kind: "failed"; readonly message: string };

export function startIsolateThread<Message, Result>(
  { name, caller }: ThreadModule,
  { heapMiB, stackMiB }: ThreadMemory,
  events: IsolateThreadEvents<Result>,
): IsolateThread<Message> {
  const resourceLimits = {
    maxOldGenerationSizeMb: heapMiB,
    ...(stackMiB === undefined ? {} : { stackSizeMb: stackMiB }),
  };
  // Pass no environment variables: the thread needs no secrets.
  const worker = startThread(name, caller, { env: {}, resourceLimits });
  let times: string | undefined;
  worker.on("message", (answer: Answer<Result>) => {
    if (answer.kind === "ready") times = answer.times;
    deliver(answer, events);
  });
  worker.on("error", events.onGone);
  worker.on("exit", () => events.onGone(new Error("its thread has ended")));
  // The thread alone must not keep the process alive.
  worker.unref();
  return {
    perform: (message, moved = []) => worker.postMessage(message, moved),
    cpuMs: () => cpuTimeMs(times),
    end: () => worker.terminate(),
  };
}

/**
 * Makes the calling module the thread of an isolate: it performs each task that it receives, and sends the result.
 * @param movedOf buffers of the result that are moved to the caller instead of copied
 */
export function serveTasks<Message, Result>(
  perform: (message: Message) => Result | Promise<Result>,
  movedOf: (result: Result) => readonly Transferable[] = () => [],
): void {
  const post = (answer: Answer<Result>): void =>
    parentPort?.postMessage(answer, answer.kind === "result" ? movedOf(answer.result) : []);
  parentPort?.on("message", (message: Message) => void answerTask(perform, message).then(post));
  post({ kind: "ready", times: cpuTimePath() });
}

/** Performs tasks on the calling thread instead of a new thread. Only for callers that run on a thread that can be killed. */
export function performHere<Message, Result>(
  perform: (message: Message) => Result | Promise<Result>,
  events: IsolateThreadEvents<Result>,
): IsolateThread<Message> {
  const times = cpuTimePath();
  let isEnded = false;
  const later = async (answer: Promise<Answer<Result>>): Promise<void> => {
    const value = await answer;
    if (!isEnded) deliver(value, events);
  };
  inBackground("report the start", later(Promise.resolve({ kind: "ready", times })));
  return {
    perform(message) {
      // Copy the message, as sending it to a thread would, since a task may change its message.
      const copy = structuredClone(message);
      const answer = Promise.resolve().then(async () => await answerTask(perform, copy));
      inBackground("report a result", later(answer));
    },
    cpuMs: () => cpuTimeMs(times),
    async end() {
      isEnded = true;
    },
  };
}

function deliver<Result>(answer: Answer<Result>, events: IsolateThreadEvents<Result>): void {
  switch (answer.kind) {
    case "ready":
      return events.onReady();
    case "result":
      return events.onResult(answer.result);
    case "failed":
      return events.onFailed(answer.message);
  }
}

async function answerTask<Message, Result>(
  perform: (message: Message) => Result | Promise<Result>,
  message: Message,
): Promise<Answer<Result>> {
  try {
    return { kind: "result", result: await perform(message) };
  } catch (error) {
    return { kind: "failed", message: error instanceof Error ? error.message : "unknown" };
  }
}
