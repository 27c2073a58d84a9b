// Tests workers that shut down while they have streams, and workers whose hive fails.
import { expect, test } from "vitest";
import { limitMs } from "../support/long.ts";
import { runHiveOutages } from "./cells/hive-outages.ts";
import { runLeaving } from "./cells/leaving.ts";
import { expectToHold, runFaults } from "./support/run.ts";

test("workers that shut down", { timeout: limitMs }, async ({ signal }) => {
  const rows = await runFaults(runLeaving, { name: "leaving", signal });
  expectToHold(rows);
  for (const phase of ["loading", "queued", "prefill", "decode"]) {
    const cells = rows.filter(({ name }) => name.startsWith(`ended in ${phase} by abort`));
    expect(cells.length, `${phase} by abort`).toBeGreaterThanOrEqual(2);
  }
});

test("hives that fail", { timeout: limitMs }, async ({ signal }) => {
  expectToHold(await runFaults(runHiveOutages, { name: "hive", signal }));
});
