// Tests who gets the places of a model's window.
import { expect, test } from "vitest";
import { testModel } from "../testing/lane-world.ts";
import type { LaneModel, Line } from "./lane-port.ts";
import { createLineWindow } from "./line-window.ts";
import type { LineWindow, PlacedLine, WaitingLines } from "./line-window.ts";

interface TestBatch extends WaitingLines {
  readonly name: string;
}

const held = new Set<string>();

function batchOf(name: string, models: readonly string[]): TestBatch {
  const waiting = models.map((model, number): Line => ({
    number,
    customId: "",
    path: "",
    model,
    prefix: "",
    body: "",
  }));
  return { name, client: name.charAt(0), waiting, places: 0, lastTurn: 0, isHeld: (model) => held.has(model) };
}

function windowOf(...models: readonly LaneModel[]): LineWindow<TestBatch> {
  return createLineWindow((line) => models.find(({ name }) => name === line.model));
}

function fill(window: LineWindow<TestBatch>, batches: readonly TestBatch[]): PlacedLine<TestBatch>[] {
  const taken: PlacedLine<TestBatch>[] = [];
  for (let next = window.take(batches); next !== undefined; next = window.take(batches)) taken.push(next);
  return taken;
}

const named = (taken: readonly PlacedLine<TestBatch>[]): string[] =>
  taken.map(({ batch, model }) => `${batch.name} ${model}`);

test("clients take turns for the places, then the batches of a client", () => {
  const window = windowOf(testModel("m", { slots: 3 }));
  const batches = ["a1", "a2", "b1"].map((name) => batchOf(name, Array<string>(20).fill("m")));
  const first = fill(window, batches);
  expect(named(first)).toEqual(["a1 m", "b1 m", "a2 m", "b1 m", "a1 m", "b1 m"]);
  expect([window.places, window.canUse(batches[0] ?? batchOf("", []))]).toEqual([6, true]);
  for (const placed of first) window.release(placed);
  const counts = new Map<string, number>();
  for (let turn = 0; turn < 20; turn += 1) {
    const taken = fill(window, batches);
    for (const placed of taken) window.release(placed);
    for (const name of named(taken)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  expect([...counts.values()].reduce((sum, count) => sum + count, 0)).toBe(54);
});

test("lines of held and unknown models wait, and others pass them", () => {
  const window = windowOf(testModel("m"), testModel("held"));
  held.add("held");
  const batch = batchOf("a", ["held", "unknown", "m"]);
  expect(named(fill(window, [batch]))).toEqual(["a m"]);
  expect([window.canUse(batch), batch.waiting.length]).toEqual([false, 2]);
  held.clear();
  expect(named(fill(window, [batch]))).toEqual(["a held"]);
});
