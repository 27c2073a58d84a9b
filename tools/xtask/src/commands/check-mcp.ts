// Owns the command `check mcp`: its options, what it prints, and its exit code.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { guarded } from "@waggle/testing/harness";
import type { Command as Program } from "commander";
import { installScenarios, runScenario, scenarios } from "../lib/mcp/scenarios.ts";

export function addCheckMcp(command: Program): void {
  command
    .option("--into <folder>", "install the scenarios into this folder and keep it (default: a temporary folder)")
    .action(checkMcp);
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function checkMcp({ into }: { readonly into?: string }): Promise<void> {
  return guarded("check mcp", async (_, { signal }) => {
    const folder = resolve(into ?? mkdtempSync(join(tmpdir(), "waggle-mcp-check-")));
    try {
      await installScenarios(folder, signal);
      let failed = 0;
      for (const scenario of scenarios) {
        const { isPassed, counts, words } = await runScenario(scenario, folder, signal);
        say(`${isPassed ? "passed" : "FAILED"}  ${scenario.padEnd(44)}  ${counts}`);
        if (isPassed) continue;
        failed += 1;
        for (const line of words) say(`  | ${line}`);
      }
      say(failed === 0 ? "PASSED" : `FAILED: ${failed} of ${scenarios.length} scenarios`);
      process.exitCode = failed === 0 ? 0 : 1;
    } finally {
      if (into === undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    }
  });
}
