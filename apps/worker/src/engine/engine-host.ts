// Defines the port between a model's host and its engine, and sorts the engine's events. The engine runs in a supervised process; in tests it runs in this process.
import type { BackendInfo, EngineCommand, EngineEvent, EngineLife, JobMessage, Measurement } from "@waggle/engine";

export type DeathReason = "exit" | "signal" | "hung" | "load_failed" | "broken" | "start_failed";

export interface EngineHost {
  /** Starts the engine. The owner is called from now on. */
  start(owner: EngineOwner): void;
  /**
   * Never throws. A command that cannot be serialized gets a failure event, as if the engine had refused it. Without an engine the command
   * is dropped, and `died` reports the loss of the engine.
   */
  send(command: EngineCommand): void;
  /** Stops the engine, which exits by command or is killed; resolves when it is gone. The engine is not restarted. */
  stop(): Promise<void>;
  readonly ready: boolean;
  readonly pid: number | undefined;
  readonly starts: number;
  readonly deaths: number;
}

/** The host of the model, which the engine tells what happens. */
export interface EngineOwner {
  /** Whether the engine has jobs. */
  readonly busy: boolean;
  /** Whether the engine prepares jobs or answers queries. If it dies meanwhile, a request may be the reason. */
  readonly preparing: boolean;
  /** An engine process has started, for the first time or again. */
  started(): void;
  /** @param progress from 0 to 1 */
  loading(progress: number): void;
  job(message: JobMessage): void;
  /** Called before `job` for the same message. */
  measured(measurement: Measurement): void;
  ready(info: BackendInfo, loadMs: number): void;
  /** The engine died, or could not be started. A new engine is started unless the death is final. */
  died(death: EngineDeath): void;
}

export interface EngineDeath {
  readonly reason: DeathReason;
  readonly message: string;
  /** Whether the engine had loaded the model. */
  readonly wasReady: boolean;
  /** Why no engine is started again: the first load failed, or the engine is in a crash loop. Undefined if an engine is started again. */
  readonly final: string | undefined;
}

/** Passes an event to all who take it: a step has events of jobs and measurements. */
export function sortEvent(
  event: EngineEvent,
  owner: Pick<EngineOwner, "job" | "measured"> | undefined,
  onLife: (event: EngineLife) => void,
): void {
  switch (event.type) {
    case "loading":
    case "opening":
    case "ready":
    case "load_failed":
    case "broken":
    case "log":
      return onLife(event);
    case "prepared":
    case "prepare_failed":
    case "unprepared":
    case "query_result":
      return owner?.job(event);
    case "step":
      owner?.measured(event);
      return owner?.job(event);
    default:
      return owner?.measured(event);
  }
}
