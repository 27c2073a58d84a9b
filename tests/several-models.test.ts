// Tests a worker of several models in short: requests that name them at random, an engine that is killed, a file that is swapped under streams.
// xtask models:soak does the same for longer.
import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const soak = (...flags: string[]) =>
  execa(
    process.execPath,
    ["--conditions=waggle-source", "--import", "tsx", "tools/xtask/src/main.ts", "models:soak", ...flags],
    { cwd: root, reject: false, all: true },
  );

test("four models share the memory of two, and one engine dies, and nobody else notices", async () => {
  const { all, exitCode } = await soak("--memory-budget", "--requests", "40");
  expect([exitCode, all]).toEqual([0, expect.stringContaining("PASSED")]);
});

test("each stream is answered by the old file or the new one, whole, while they change places", async () => {
  const { all, exitCode } = await soak("--swap", "--streams", "20");
  expect([exitCode, all]).toEqual([0, expect.stringContaining("PASSED")]);
});
