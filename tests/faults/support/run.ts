// Owns one run of a group of faults: its stage, the results of its checks, and the check that no process or port is left.
import { createLeftoverCheck, createProcessGroups, endLeftovers, messageOf } from "@waggle/testing/harness";
import { expect } from "vitest";
import { howToRepeat, isLong, say, seed } from "../../support/long.ts";
import { createStage, createUncutText, type Row, type Stage } from "./stage.ts";

export interface RunOptions {
  /** Name of the group; part of the random seed, so that groups have different random numbers. */
  readonly name: string;
  /** Aborts when the test ends, also at its time limit. */
  readonly signal: AbortSignal;
  /** More flags for every worker; they override other flags, to make a worker break a rule. */
  readonly workerFlags?: readonly string[];
}

/** @returns a row for each check, with its failures. @throws the signal's reason */
export async function runFaults(
  run: (stage: Stage) => Promise<void>,
  { name, signal, workerFlags = [] }: RunOptions,
): Promise<readonly Row[]> {
  const groups = createProcessGroups("faults");
  const leftovers = createLeftoverCheck();
  const options = { groups, leftovers, seed, long: isLong, workerFlags, interrupted: signal };
  const rows: Row[] = [];
  const onRow = (row: Row): void => {
    rows.push(row);
    say(`  ${row.failures.length === 0 ? "✓" : "✗"} ${row.name}  ${figuresOf(row)}`);
  };
  try {
    await run(createStage(options, name, createUncutText(options), onRow));
  } catch (error) {
    signal.throwIfAborted();
    onRow({ name: "the group runs to its end", failures: [messageOf(error)], numbers: {} });
  } finally {
    groups.killAll();
  }
  onRow({ name: "no process or port is left", failures: endLeftovers(await leftovers.check()), numbers: {} });
  return rows;
}

export function expectToHold(rows: readonly Row[]): void {
  expect(failuresOf(rows), howToRepeat).toEqual([]);
}

/** A line for each failed row. */
export function failuresOf(rows: readonly Row[]): readonly string[] {
  return rows.flatMap(({ name, failures }) => (failures.length === 0 ? [] : [`${name}: ${failures.join("; ")}`]));
}

function figuresOf({ numbers }: Row): string {
  return Object.entries(numbers)
    .map(([name, value]) => `${name}=${Math.round(value * 10) / 10}`)
    .join(" ");
}
