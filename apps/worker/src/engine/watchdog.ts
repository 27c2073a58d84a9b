// Detects that a loaded engine hangs: it has work and makes no steps, or it is idle and sends no message. One timer runs
// from the moment the engine is ready until it is gone.
import type { Clock, TimerHandle } from "@waggle/async";

/** Allowed silence of a busy engine, in median steps: the steps of a slow model take long. */
const medianFactor = 20;
const rememberedSteps = 64;
/** Least allowed silence of an idle engine, which reports about once a second. */
const minIdleSilenceMs = 5_000;
/** Number of checks during the longest allowed silence. More checks tell more exactly how long this process did not run. */
const checksPerSilence = 4;

export interface WatchdogOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Whether the engine has work. */
  readonly busy: () => boolean;
  readonly onHang: (silentMs: number, busy: boolean) => void;
}

export interface Watchdog {
  /** The engine is ready: from now on silence is measured. */
  start(): void;
  /** The engine sent a message: a sign of life when it is idle. */
  receivedMessage(): void;
  /** The engine made a step, and `busy` is up to date. `passMs` is undefined for a step without a forward pass. */
  stepped(passMs?: number): void;
  /** The worker sent work: from now on steps are expected. */
  wake(): void;
  stop(): void;
}

export function createWatchdog({ clock, timeoutMs, busy, onHang }: WatchdogOptions): Watchdog {
  let lastMessageAt = 0;
  /** Time of the last step, or when steps were first expected. */
  let steppedAt = 0;
  let working = false;
  let timer: TimerHandle | undefined;
  let dueAt = 0;
  const passes: number[] = [];

  function allowance(): number {
    if (!working) return Math.max(timeoutMs, minIdleSilenceMs);
    if (passes.length === 0) return timeoutMs;
    const sorted = passes.toSorted((a, b) => a - b);
    return Math.max(timeoutMs, medianFactor * (sorted[sorted.length >> 1] ?? 0));
  }

  /** Sets the timer for the next check: after a part of the allowed silence, or at its end if that is sooner. */
  function arm(): void {
    const allowed = allowance();
    const left = (working ? steppedAt : lastMessageAt) + allowed - clock.now();
    const ms = Math.max(0, Math.min(left, allowed / checksPerSilence));
    dueAt = clock.now() + ms;
    timer = clock.setTimeout(check, ms);
  }

  function check(): void {
    forgiveLateness();
    expectSteps(busy());
    const silentMs = clock.now() - (working ? steppedAt : lastMessageAt);
    if (silentMs < allowance()) arm();
    else {
      timer = undefined;
      onHang(silentMs, working);
    }
  }

  function expectSteps(expected: boolean): void {
    if (expected && !working) steppedAt = clock.now();
    working = expected;
  }

  /**
   * A late check means that this process did not run either (it was stopped, the machine was suspended or its cores were
   * taken), or that the engine's messages wait to be read. That time does not count as the engine's silence.
   */
  function forgiveLateness(): void {
    const lateMs = Math.max(0, clock.now() - dueAt);
    lastMessageAt = Math.min(clock.now(), lastMessageAt + lateMs);
    steppedAt = Math.min(clock.now(), steppedAt + lateMs);
  }

  return {
    start() {
      lastMessageAt = clock.now();
      working = false;
      arm();
    },
    receivedMessage() {
      lastMessageAt = clock.now();
    },
    stepped(passMs) {
      steppedAt = clock.now();
      working = busy();
      if (passMs === undefined) return;
      passes.push(passMs);
      if (passes.length > rememberedSteps) passes.shift();
    },
    wake() {
      if (working || timer === undefined) return;
      expectSteps(true);
      timer.cancel();
      arm();
    },
    stop() {
      timer?.cancel();
      timer = undefined;
    },
  };
}
