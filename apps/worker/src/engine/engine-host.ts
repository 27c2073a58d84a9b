// Owns what a model's host sees of its engine, wherever that runs: in a process that is supervised, or in this one, as in tests.
import type { BackendInfo, EngineCommand, EngineEvent } from "@waggle/engine";

export type DeathReason = "exit" | "signal" | "hung" | "load_failed" | "broken" | "start_failed";

export interface EngineHost {
  start(): void;
  /**
   * Never throws. A command that cannot be made a message fails by an event, as if the engine had refused it. Without an
   * engine it is dropped: its loss is heard of through `onLost`.
   */
  send(command: EngineCommand): void;
  /** The engine leaves by command, or is killed; resolves when it is gone. No other follows. */
  stop(): Promise<void>;
  readonly ready: boolean;
  /** Of the engine that was ready last. */
  readonly info: BackendInfo | undefined;
  readonly pid: number | undefined;
  readonly starts: number;
  readonly deaths: number;
}

export interface EngineHostEvents {
  /** Whether the engine has anything to do. */
  readonly busy: () => boolean;
  readonly onStart: () => void;
  readonly onEvent: (event: EngineEvent) => void;
  readonly onReady: (info: BackendInfo, loadMs: number) => void;
  /** An engine died, loaded or not, or could not even be started. Comes before what follows from it. */
  readonly onDeath: (reason: DeathReason) => void;
  /** A loaded engine died; a new one follows unless `onGaveUp` comes next. */
  readonly onLost: (reason: DeathReason, message: string) => void;
  /** The first load failed, or a crash loop: no engine will follow. */
  readonly onGaveUp: (message: string, firstLoad: boolean) => void;
}
