// Owns the set-up of each test process: the runs of property tests, and its end.
import fastCheck from "fast-check";
import { inject } from "vitest";
import { forgetStat } from "./packages/async/src/files/read-text.ts";

// In CI, a failure ends at once: to look for a smaller example takes minutes, and the seed repeats the failure where somebody reads it.
const endOnFailure = process.env["CI"] !== undefined;
fastCheck.configureGlobal({ seed: inject("seed"), numRuns: inject("runs").property, endOnFailure });

// The file before this one may have looked at a FIFO last, and this one may import a linked package.
forgetStat();

/** A signal may end only vitest's main process. A test that waits would then keep its worker process and all child processes alive. */
function exitWithoutVitest(): void {
  process.exit(1);
}

// Without isolation this file runs again for each test file, in the same process.
const listens = process.listeners("disconnect").some(({ name }) => name === exitWithoutVitest.name);
if (!listens) process.once("disconnect", exitWithoutVitest);
