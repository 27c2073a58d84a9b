// Owns what a model's host sees of its engine, wherever that runs: in a process that is supervised, or in this one, as in tests.
import type { BackendInfo, EngineCommand, EngineEvent } from "@waggle/engine";

export type DeathReason = "exit" | "signal" | "hung" | "load_failed" | "broken";

export interface EngineHost {
  start(): void;
  /** False when the engine cannot be told; its loss is heard of through `onLost`. Never throws. */
  send(command: EngineCommand): boolean;
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
  /** An engine died, loaded or not. Comes before what follows from it. */
  readonly onDeath: (reason: DeathReason) => void;
  /** A loaded engine died; a new one follows unless `onGaveUp` comes next. */
  readonly onLost: (reason: DeathReason, message: string) => void;
  /** The first load failed, or a crash loop: no engine will follow. */
  readonly onGaveUp: (message: string, firstLoad: boolean) => void;
}
