// Defines the port between a model's host and its engine. The engine runs in a supervised process; in tests it runs in this process.
import type { BackendInfo, EngineCommand, EngineEvent } from "@waggle/engine";

export type DeathReason = "exit" | "signal" | "hung" | "load_failed" | "broken" | "start_failed";

export interface EngineHost {
  start(): void;
  /**
   * Never throws. A command that cannot be serialized gets a failure event, as if the engine had refused it. Without an engine the command
   * is dropped, and `onLost` reports the loss of the engine.
   */
  send(command: EngineCommand): void;
  /** Stops the engine, which exits by command or is killed; resolves when it is gone. The engine is not restarted. */
  stop(): Promise<void>;
  readonly ready: boolean;
  readonly pid: number | undefined;
  readonly starts: number;
  readonly deaths: number;
}

export interface EngineHostEvents {
  readonly busy: () => boolean;
  readonly onStart: () => void;
  readonly onEvent: (event: EngineEvent) => void;
  readonly onReady: (info: BackendInfo, loadMs: number) => void;
  /** Called when an engine died, loaded or not, or could not be started; before `onLost` and `onGaveUp`. */
  readonly onDeath: (reason: DeathReason) => void;
  /** Called when a loaded engine died; a new engine is started unless `onGaveUp` follows. */
  readonly onLost: (reason: DeathReason, message: string) => void;
  /** Called when the first load failed or the engine is in a crash loop: no engine is started again. */
  readonly onGaveUp: (message: string, firstLoad: boolean) => void;
}
