// Starts a server's thread, and carries its calls. A thread that hangs or fills its memory is killed with its processes. Decision 125.
import { deferred, inBackground, onAbort, startThread } from "@waggle/async";
import type { Clock, ThreadModule, TimerHandle } from "@waggle/async";
import { failedOutcome } from "../connection/call-outcome.ts";
import type { CallOutcome } from "../connection/call-outcome.ts";
import type { JsonObject } from "../connection/json.ts";
import { serverLimits as limits } from "../connection/limits.ts";
import type { ToolList } from "../connection/tool-list.ts";
import type { FromServer, ServerThreadData, ToServer } from "./server-thread.ts";

export interface ServerLinkOptions extends ServerThreadData {
  readonly clock: Clock;
  /** Default: the thread of a server. */
  readonly thread?: ThreadModule;
  /** Called when the server is ready, and when its list of tools changes. */
  readonly onTools: (list: ToolList) => void;
  /** Called once, when the connection ended or did not begin. */
  readonly onEnded: (problem: string) => void;
}

export interface ServerLink {
  /** Never rejects. */
  call(
    tool: string,
    given: JsonObject,
    options: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ): Promise<CallOutcome>;
  /** Resolves when the thread and the server's processes have ended. */
  close(): Promise<void>;
}

interface Running {
  wasSent: boolean;
  readonly resolve: (outcome: CallOutcome) => void;
}

const serverThread: ThreadModule = { name: "server-thread", caller: import.meta.url };

export function startServer(options: ServerLinkOptions): ServerLink {
  const { clock, thread = serverThread, onTools, onEnded, ...workerData } = options;
  const named = `The MCP server "${workerData.spec.name}"`;
  const calls = new Map<number, Running>();
  /** For each cancel, and for the end, that the thread has to confirm. */
  const confirming = new Map<number | "end", TimerHandle>();
  const exited = deferred<void>();
  let nextId = 0;
  let group: number | undefined;
  let isEnded = false;
  const resourceLimits = { maxOldGenerationSizeMb: limits.heapMiB };
  // The thread needs no environment: the server's variables come with its data.
  const worker = startThread(thread.name, thread.caller, { env: {}, resourceLimits, workerData });
  worker.unref();
  worker.on("message", receive);
  worker.on("error", ({ code }: NodeJS.ErrnoException) => {
    end(
      code === "ERR_WORKER_OUT_OF_MEMORY"
        ? `its messages take more than ${limits.heapMiB} MiB of memory`
        : "its thread failed",
    );
  });
  worker.on("exit", (code) => {
    // A thread that ends itself has ended the server's processes before.
    if (code !== 0) killGroup();
    end("its thread ended");
    for (const timer of confirming.values()) timer.cancel();
    exited.resolve();
  });

  function post(message: ToServer): void {
    worker.postMessage(message);
  }

  function receive(message: FromServer): void {
    switch (message.kind) {
      case "group":
        group = message.pid;
        return;
      case "tools":
        if (!isEnded) onTools(message.list);
        return;
      case "sent": {
        const call = calls.get(message.id);
        if (call !== undefined) call.wasSent = true;
        return;
      }
      case "outcome":
        confirming.get(message.id)?.cancel();
        confirming.delete(message.id);
        calls.get(message.id)?.resolve(message.outcome);
        // Before the caller knows the outcome, so that its next call opens a new connection.
        if (message.lost !== undefined) end(message.lost);
        return;
      case "ended":
        end(message.problem);
    }
  }

  function end(problem: string): void {
    if (isEnded) return;
    isEnded = true;
    for (const { wasSent, resolve } of calls.values()) {
      resolve(
        wasSent
          ? failedOutcome("unknown", `${named} was lost during the call: ${problem}.`)
          : failedOutcome("failed", `${named} cannot be used: ${problem}. The call was not sent.`),
      );
    }
    confirm("end");
    onEnded(problem);
  }

  function confirm(what: number | "end"): void {
    confirming.get(what)?.cancel();
    confirming.set(what, clock.setTimeout(kill, limits.stuckMs));
  }

  function kill(): void {
    killGroup();
    inBackground("end a thread", worker.terminate());
  }

  function killGroup(): void {
    try {
      if (group !== undefined) process.kill(-group, "SIGKILL");
    } catch {
      // The group has ended.
    }
  }

  return {
    async call(tool, given, { signal, timeoutMs }) {
      nextId += 1;
      const id = nextId;
      const outcome = deferred<CallOutcome>();
      calls.set(id, { wasSent: false, resolve: outcome.resolve });
      const leave = (why: string): void => {
        outcome.resolve(failedOutcome("unknown", why));
        confirm(id);
        post({ kind: "cancel", id });
      };
      post({ kind: "call", id, tool, given });
      const timer = clock.setTimeout(() => leave(`${named} gave no result within ${timeoutMs / 1_000} s.`), timeoutMs);
      const unlisten = onAbort(signal, () => leave("The call was cancelled before its result came."));
      return await outcome.promise.finally(() => {
        timer.cancel();
        unlisten();
        calls.delete(id);
      });
    },
    async close() {
      // Otherwise the process could exit before the server's processes.
      worker.ref();
      post({ kind: "close" });
      end("the connection was closed");
      await exited.promise;
    },
  };
}
