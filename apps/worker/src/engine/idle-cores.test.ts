import { expect, test } from "vitest";
import { createIdleCores } from "./idle-cores.ts";

interface Times {
  user: number;
  nice: number;
  sys: number;
  idle: number;
  irq: number;
}

const core = (times: Partial<Times>): { times: Times } => ({
  times: { user: 0, nice: 0, sys: 0, idle: 0, irq: 0, ...times },
});

/** Asks once for each state of the cores after the first. */
function idleIn(first: ReturnType<typeof core>[], ...rest: ReturnType<typeof core>[][]): number[] {
  let cores = first;
  const idleCores = createIdleCores(() => cores);
  return rest.map((next) => {
    cores = next;
    return idleCores();
  });
}

test("what each core did since the last call, not since the machine started", () => {
  const states: Parameters<typeof idleIn> = [
    [core({ user: 90_000, idle: 10_000 }), core({ idle: 100_000 })],
    [core({ user: 90_500, idle: 10_500 }), core({ idle: 101_000 })],
    [core({ user: 91_000, sys: 300, irq: 200, idle: 10_500 }), core({ nice: 1_000, idle: 101_000 })],
  ];
  expect(idleIn(...states)).toEqual([1.5, 0]);
});

test("no time between two calls, a machine that tells nothing, and a core that has gone are no idle ones", () => {
  const busy = [core({ user: 500, idle: 500 }), core({ user: 500, idle: 500 })];
  expect(idleIn(busy, busy, busy.slice(1), [])).toEqual([0, 0, 0]);
});
