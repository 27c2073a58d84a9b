import { describe, expect, test } from "vitest";
import { createDecodeTurns, type DecodeTurns } from "./decode-turns.ts";

/** Runs steps of so many slots that take `ms(rows)`; returns how many rows each had. */
function run(turns: DecodeTurns, decoding: number, steps: number, ms: (rows: number) => number): number[] {
  return Array.from({ length: steps }, () => {
    const rows = turns.rows(decoding);
    turns.observe({ decodeRows: rows, tokens: rows, passMs: ms(rows) }, decoding);
    return rows;
  });
}

/** Two or three rows take three times as long as one. */
const cliff = (rows: number): number => (rows === 1 ? 10 : 30);
/** A wider step costs hardly more: what memory takes, everybody shares. */
const flat = (rows: number): number => 10 + rows;

describe("few slots", () => {
  test("decode together while nothing else is known to be faster", () => {
    expect(new Set(run(createDecodeTurns(), 2, 60, cliff))).toEqual(new Set([2]));
  });

  test("take turns where that was measured to be faster, and go on", () => {
    const turns = createDecodeTurns();
    run(turns, 2, 200, cliff);
    const rows = run(turns, 2, 500, cliff);
    expect(rows.filter((each) => each === 1).length).toBeGreaterThan(480);
  });

  test("stay together where turns gain nothing, and ask ever more rarely", () => {
    const turns = createDecodeTurns();
    const early = run(turns, 3, 1_000, flat).filter((rows) => rows === 1).length;
    const late = run(turns, 3, 1_000, flat).filter((rows) => rows === 1).length;
    expect(early).toBeGreaterThan(0);
    expect(late).toBeLessThan(early);
    expect(early + late).toBeLessThan(60);
  });

  test("are back together when turns have become slower", () => {
    const turns = createDecodeTurns();
    run(turns, 2, 200, cliff);
    expect(run(turns, 2, 6_000, flat).at(-1)).toBe(2);
  });

  test("are not parted by a single slow step", () => {
    const turns = createDecodeTurns();
    let step = 0;
    const rows = run(turns, 2, 400, (each) => (step++ % 50 === 49 ? 500 : flat(each)));
    expect(rows.filter((each) => each === 1).length).toBeLessThan(30);
  });

  test("gain nothing worth the trouble where a step takes no time", () => {
    const turns = createDecodeTurns();
    const rows = run(turns, 2, 2_000, (each) => cliff(each) / 30);
    expect(rows.filter((each) => each === 1).length).toBeLessThan(60);
  });

  test("are two or three: one alone, and more of them, have no choice", () => {
    const turns = createDecodeTurns();
    for (const decoding of [1, 4, 8]) expect(new Set(run(turns, decoding, 300, cliff))).toEqual(new Set([decoding]));
  });
});
