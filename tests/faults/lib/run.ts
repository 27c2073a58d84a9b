// Owns one run of a group of faults: its stage, what its checks come to, and that no process and no port is left.
import { createLeftoverCheck, createProcessGroups, endLeftovers, messageOf } from "@waggle/testing/harness";
import { expect } from "vitest";
import { howToRepeat, isLong, say, seed } from "../../support/long.ts";
import { createStage, createUncutText, type Row, type Stage } from "./stage.ts";

export interface RunOptions {
  /** Of the chances, so that each group has its own. */
  readonly name: string;
  /** Aborts when the test is over, also by its time limit. */
  readonly signal: AbortSignal;
  /** Further flags for every worker, which win over ours: for a worker that is set up to break a rule. */
  readonly workerFlags?: readonly string[];
}

/** What does not hold is in the rows. @throws the signal's reason */
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
  onRow({ name: "nothing is left", failures: endLeftovers(await leftovers.check()), numbers: {} });
  return rows;
}

export function expectToHold(rows: readonly Row[]): void {
  expect(failuresOf(rows), howToRepeat).toEqual([]);
}

/** A line for each row that does not hold. */
export function failuresOf(rows: readonly Row[]): readonly string[] {
  return rows.flatMap(({ name, failures }) => (failures.length === 0 ? [] : [`${name}: ${failures.join("; ")}`]));
}

function figuresOf({ numbers }: Row): string {
  return Object.entries(numbers)
    .map(([name, value]) => `${name}=${Math.round(value * 10) / 10}`)
    .join(" ");
}
