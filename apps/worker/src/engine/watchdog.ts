// Owns the judgement that a loaded engine hangs: it has work and makes no steps, or it has none and says nothing at all.
// One timer, armed from the moment the engine is ready until it is gone.
import type { Clock, TimerHandle } from "@waggle/async";

/** A slow model's step may take long by nature: so many medians of silence are allowed. */
const medianFactor = 20;
const rememberedSteps = 64;
/** An idle engine reports about once a second; shorter than this is no silence, whatever the timeout for steps is. */
const minIdleSilenceMs = 5_000;
/** Looks in the time that a silence may last: how often, and by how much a look that comes late can mislead. */
const looksPerSilence = 4;

export interface WatchdogOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Whether the engine has work. */
  readonly busy: () => boolean;
  readonly onHang: (silentMs: number, busy: boolean) => void;
}

export interface Watchdog {
  /** The engine is ready: from now on silence counts. */
  start(): void;
  /** The engine said something, which is a sign of life while it is idle. */
  heard(): void;
  /** A step was made, and `busy` tells already what it left; `passMs` when there was a pass in it. */
  stepped(passMs?: number): void;
  /** Work is being given: from now on steps are expected. */
  wake(): void;
  /** The engine is gone. */
  stop(): void;
}

export function createWatchdog({ clock, timeoutMs, busy, onHang }: WatchdogOptions): Watchdog {
  let heardAt = 0;
  /** When steps were first expected, or the last one was made. */
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

  /** The next look is a part of the allowance away, or at its end if that is nearer. */
  function arm(): void {
    const allowed = allowance();
    const left = (working ? steppedAt : heardAt) + allowed - clock.now();
    const ms = Math.max(0, Math.min(left, allowed / looksPerSilence));
    dueAt = clock.now() + ms;
    timer = clock.setTimeout(look, ms);
  }

  function look(): void {
    forgiveLateness();
    expectSteps(busy());
    const silentMs = clock.now() - (working ? steppedAt : heardAt);
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
   * A look that comes late means that this process did not run either: it was stopped, the machine was suspended or its
   * cores were taken, or what the engine has said waits to be read. That time is not the engine's silence.
   */
  function forgiveLateness(): void {
    const lateMs = Math.max(0, clock.now() - dueAt);
    heardAt = Math.min(clock.now(), heardAt + lateMs);
    steppedAt = Math.min(clock.now(), steppedAt + lateMs);
  }

  return {
    start() {
      heardAt = clock.now();
      working = false;
      arm();
    },
    heard() {
      heardAt = clock.now();
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
      passes.length = 0;
    },
  };
}
