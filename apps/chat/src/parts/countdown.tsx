// Owns the seconds until something is to be tried again: shown as they pass, and not read out one by one.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";

export interface CountdownProps {
  /** Milliseconds since 1970. */
  readonly until: number;
  /** Before the seconds: "Try again in". */
  readonly before: string;
  /** Once they have passed. */
  readonly after: string;
}

const tickMs = 250;

export function Countdown({ until, before, after }: CountdownProps): VNode {
  const leftS = useSignal(secondsUntil(until));
  useEffect(() => {
    const timer = setInterval(() => {
      leftS.value = secondsUntil(until);
      if (leftS.value === 0) clearInterval(timer);
    }, tickMs);
    leftS.value = secondsUntil(until);
    return () => clearInterval(timer);
  }, [until]);
  return (
    <span class="numbers" role="timer">
      {leftS.value === 0 ? after : `${before} ${leftS.value} s`}
    </span>
  );
}

function secondsUntil(until: number): number {
  return Math.max(0, Math.ceil((until - Date.now()) / 1_000));
}
