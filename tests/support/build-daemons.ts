// Builds the daemons before the first test, if the build is not up to date, so that no test runs a stale daemon.
import { packageManager } from "@waggle/testing/harness";
import { execa } from "execa";

/** Vitest imports this file again for each project. */
const shared = globalThis as { waggleBuild?: Promise<unknown> };

export async function setup(): Promise<void> {
  await (shared.waggleBuild ??= execa("npx", ["--yes", packageManager, "build"]));
}
