// Measures how fast a model is with given settings, in a separate engine process, which ends with the measurement.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { onAbort } from "@waggle/async";
import type { Environment } from "@waggle/daemon";
import type { EngineLife } from "@waggle/engine";
import type { AttentionCosts, LoadedSettings } from "@waggle/protocol";
import { forkEngine } from "../engine/engine-process.ts";
import type { MeasureEvent, MeasureStart } from "../engine/engine-start.ts";
import type { MeasuredSpeeds } from "../engine/measure-speeds.ts";

export type { Speeds } from "../engine/measure-speeds.ts";

export interface MeasuredModel extends MeasuredSpeeds {
  readonly device: string;
  /** Settings for loading, as in effect; undefined for the fake backend. */
  readonly settings: LoadedSettings | undefined;
  /** Undefined where the engine did not measure it. */
  readonly attention: AttentionCosts | undefined;
  /** Memory of the process at the end, with the pages of the model's file that it has read. */
  readonly rssBytes: number;
}

export interface MeasureOptions extends Omit<MeasureStart, "type" | "prefixStore"> {
  /** Environment of the engine process. */
  readonly env: Environment;
  readonly signal: AbortSignal;
  readonly onProgress: (stage: "loading" | "measuring", share: number) => void;
}

/** @throws Error with the engine's reason; the signal's reason when it aborts. The process is gone in each case. */
export async function measureModel(options: MeasureOptions): Promise<MeasuredModel> {
  const { env, signal, onProgress, ...start } = options;
  signal.throwIfAborted();
  const engine = forkEngine(env);
  const closed = once(engine, "close");
  const stopListening = onAbort(signal, () => kill(engine));
  try {
    let result: MeasuredModel | undefined;
    let stage: "loading" | "measuring" = "loading";
    const reasons: string[] = [];
    // Without a reader the pipes fill up, and the engine's next write would wait.
    engine.stdout?.resume();
    engine.stderr?.resume();
    engine.on("message", (message) => {
      const event = message as EngineLife | MeasureEvent;
      if (event.type === "load_failed") reasons.push(event.message);
      else if (event.type === "loading") onProgress("loading", event.progress);
      else if (event.type === "measuring") onProgress((stage = "measuring"), event.progress);
      else if (event.type === "measured") {
        const { measured, info, rssBytes } = event;
        const { device, settings, attention } = info;
        result = { ...measured, device, settings, attention, rssBytes };
      }
    });
    engine.send({ type: "measure", prefixStore: undefined, ...start } satisfies MeasureStart, () => {});
    const [code, killedBy] = (await closed) as [number | null, NodeJS.Signals | null];
    signal.throwIfAborted();
    if (result !== undefined) return result;
    const task = stage === "loading" ? "loading the model" : "measuring";
    throw new Error(
      reasons.at(-1) ?? `The engine process ended while ${task}, with ${killedBy ?? `exit code ${code}`}.`,
    );
  } finally {
    stopListening();
    kill(engine);
    await closed.catch(() => {});
  }
}

/** Never kills a process without a pid: the signal would go to this process's group. */
function kill(engine: ChildProcess): void {
  if (engine.pid !== undefined && engine.exitCode === null && engine.signalCode === null) engine.kill("SIGKILL");
}
