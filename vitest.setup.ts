// Owns the set-up of each test process: the questions of property tests, and its end. Questions are new each time on a developer's machine, and the
// same where a whole suite must be comparable with its last run.
const seed = process.env["WAGGLE_PROPERTY_SEED"];

if (seed !== undefined) {
  const { configureGlobal } = await import("fast-check");
  configureGlobal({ seed: Number(seed) });
}

export {};

/** A signal may end only vitest's main process. A test that waits would then keep its worker process and all child processes alive. */
function exitWithoutVitest(): void {
  process.exit(1);
}

// Without isolation this file runs again for each test file, in the same process.
const listens = process.listeners("disconnect").some(({ name }) => name === exitWithoutVitest.name);
if (!listens) process.once("disconnect", exitWithoutVitest);
