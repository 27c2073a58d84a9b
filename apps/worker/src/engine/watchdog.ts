// Owns the judgement that an engine hangs: it has work and makes no steps. One timer, armed only while there is work.
import type { Clock, TimerHandle } from "@waggle/async";

/** A slow model's step may take long by nature: so many medians of silence are allowed. */
const medianFactor = 20;
const rememberedSteps = 64;

export interface WatchdogOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly busy: () => boolean;
  readonly onHang: (silentMs: number) => void;
}

export interface Watchdog {
  /** The engine did something; `passMs` when that was a step. */
  touch(passMs?: number): void;
  /** Work has been given: from now on silence counts. */
  wake(): void;
  rest(): void;
}

export function createWatchdog({ clock, timeoutMs, busy, onHang }: WatchdogOptions): Watchdog {
  let lastSign = clock.now();
  let timer: TimerHandle | undefined;
  const passes: number[] = [];

  function allowance(): number {
    if (passes.length === 0) return timeoutMs;
    const sorted = [...passes].sort((a, b) => a - b);
    return Math.max(timeoutMs, medianFactor * (sorted[sorted.length >> 1] ?? 0));
  }

  function arm(ms: number): void {
    timer = clock.setTimeout(look, ms);
  }

  function look(): void {
    timer = undefined;
    if (!busy()) return;
    const silentMs = clock.now() - lastSign;
    const allowed = allowance();
    if (silentMs >= allowed) onHang(silentMs);
    else arm(allowed - silentMs);
  }

  return {
    touch(passMs) {
      lastSign = clock.now();
      if (passMs === undefined) return;
      passes.push(passMs);
      if (passes.length > rememberedSteps) passes.shift();
    },
    wake() {
      if (timer !== undefined) return;
      lastSign = clock.now();
      arm(allowance());
    },
    rest() {
      timer?.cancel();
      timer = undefined;
      passes.length = 0;
    },
  };
}
