// Owns the clocks that components show: the time now, and a countdown until another try, which screen readers do not read out each second.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { formatDuration } from "./format.ts";

export interface CountdownProps {
  /** Milliseconds since 1970. */
  readonly until: number;
  /** Text before the seconds, for example "Try again in". */
  readonly before: string;
  /** Text when the time is over. */
  readonly after: string;
  /** Called when the time is over. */
  readonly onEnd?: (() => void) | undefined;
}

const tickMs = 1_000;
const countdownTickMs = 250;

export function Countdown({ until, before, after, onEnd }: CountdownProps): VNode {
  const leftS = useSignal(secondsUntil(until));
  useEffect(() => {
    const tick = (): void => {
      leftS.value = secondsUntil(until);
      if (leftS.value > 0) return;
      clearInterval(timer);
      onEnd?.();
    };
    const timer = setInterval(tick, countdownTickMs);
    tick();
    return () => clearInterval(timer);
  }, [until, onEnd === undefined]);
  return (
    <span class="numbers" role="timer">
      {leftS.value === 0 ? after : `${before} ${formatDuration(leftS.value * 1_000, "up")}`}
    </span>
  );
}

function secondsUntil(until: number): number {
  return Math.max(0, Math.ceil((until - Date.now()) / 1_000));
}

/** This browser's clock, in milliseconds since 1970. @param ticks false while no component shows the clock */
export function useNow(ticks = true): number {
  const now = useSignal(Date.now());
  useEffect(() => {
    if (!ticks) return;
    now.value = Date.now();
    const timer = setInterval(() => (now.value = Date.now()), tickMs);
    return () => clearInterval(timer);
  }, [ticks, now]);
  return now.value;
}
