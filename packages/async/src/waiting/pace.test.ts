import { expect, test } from "vitest";
import { createPace, type Pace } from "./pace.ts";

/** Counts the turns of the event loop until it is disposed of. */
function turns(): { readonly count: number; [Symbol.dispose](): void } {
  const state = {
    count: 0,
    [Symbol.dispose]: () => clearImmediate(timer),
  };
  const countTurn = (): void => {
    state.count += 1;
    timer = setImmediate(countTurn);
  };
  let timer = setImmediate(countTurn);
  return state;
}

/** Records the turn in which the pace lets each piece of work begin. */
function recorder(
  pace: Pace,
): { begin(name: string, amount: number, client?: string): Promise<void>; readonly begun: string[] } & Disposable {
  const passed = turns();
  const begun: string[] = [];
  return {
    begun,
    async begin(name, amount, client) {
      await pace(amount, client);
      begun.push(`${name} in turn ${passed.count}`);
    },
    [Symbol.dispose]: () => passed[Symbol.dispose](),
  };
}

test("work that fits into a turn begins at once, and other work begins in the next turn", async () => {
  const pace = createPace(100);
  expect([pace(60), pace(40)]).toEqual([undefined, undefined]);
  using passed = turns();
  await pace(1);
  expect(passed.count).toBe(1);
  expect(pace(99)).toBeUndefined();
  expect(pace(1)).toBeDefined();
});

test("a turn takes as much waiting work as fits, in the order of arrival", async () => {
  const pace = createPace(100);
  void pace(100);
  using record = recorder(pace);
  await Promise.all([record.begin("a", 50), record.begin("b", 40), record.begin("c", 30), record.begin("d", 20)]);
  expect(record.begun).toEqual(["a in turn 1", "b in turn 1", "c in turn 2", "d in turn 2"]);
});

test("each piece of work larger than a turn gets a separate turn", async () => {
  const pace = createPace(100);
  using record = recorder(pace);
  await Promise.all([record.begin("a", 1_000), record.begin("b", 1_000), record.begin("c", 50)]);
  expect(record.begun).toEqual(["a in turn 1", "b in turn 2", "c in turn 3"]);
});

test("short work goes before long work, which gets half of each turn", async () => {
  const pace = createPace(100);
  using record = recorder(pace);
  const long = ["a", "b", "c"].map((name) => record.begin(name, 90));
  const short = Array.from({ length: 30 }, (_, index) => record.begin(`short ${index}`, 5));
  await Promise.all([...long, ...short]);
  const inTurn = (turn: number): number => record.begun.filter((entry) => entry.endsWith(` ${turn}`)).length;
  expect([inTurn(0), inTurn(1), inTurn(2)]).toEqual([1, 11, 11]);
});

test("after a pause, work begins at once again", async () => {
  const pace = createPace(100);
  await pace(1_000);
  await pace(1);
  expect(pace(90)).toBeUndefined();
});

test("clients take turns", async () => {
  const pace = createPace(100);
  void pace(100);
  using record = recorder(pace);
  const many = ["a1", "a2", "a3"].map((name) => record.begin(name, 90, "a"));
  await Promise.all([...many, record.begin("b1", 90, "b")]);
  expect(record.begun).toEqual(["a1 in turn 1", "b1 in turn 2", "a2 in turn 3", "a3 in turn 4"]);
});
