import { expect, test } from "vitest";
import { createFreeCores } from "./free-cores.ts";

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

type State = readonly [ownMs: number, ...cores: ReturnType<typeof core>[]];

/** The free cores after each state of the machine but the first. */
function freeIn(first: State, ...rest: State[]): number[] {
  let [own, ...cores] = first;
  const freeCores = createFreeCores(
    () => cores,
    () => own,
  );
  return rest.map((next) => {
    [own, ...cores] = next;
    return freeCores();
  });
}

test("counts the times since the last call, not since the machine started", () => {
  const states: Parameters<typeof freeIn> = [
    [7_000, core({ user: 90_000, idle: 10_000 }), core({ idle: 100_000 })],
    [7_000, core({ user: 90_500, idle: 10_500 }), core({ idle: 101_000 })],
    [7_000, core({ user: 91_000, sys: 300, irq: 200, idle: 10_500 }), core({ nice: 1_000, idle: 101_000 })],
  ];
  expect(freeIn(...states)).toEqual([1.5, 0]);
});

test("the CPU time of this process counts as free", () => {
  const states: Parameters<typeof freeIn> = [
    [7_000, core({ user: 90_000 }), core({ idle: 100_000 })],
    [8_200, core({ user: 91_000 }), core({ user: 500, idle: 100_500 })],
    // The process's times are exact, but the times of the cores are not.
    [10_250, core({ user: 92_000 }), core({ user: 1_500, idle: 100_500 })],
  ];
  expect(freeIn(...states)).toEqual([1.7, 2]);
});

test("no core counts as free without time between two calls, without times, or if the core was removed", () => {
  const busy = [core({ user: 500, idle: 500 }), core({ user: 500, idle: 500 })];
  expect(freeIn([0, ...busy], [0, ...busy], [0, ...busy.slice(1)], [0])).toEqual([0, 0, 0]);
});
