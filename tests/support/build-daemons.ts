// Builds the daemons before the first test, once for all projects, if the build is not up to date, so that no test runs a stale daemon.
import { packageManager } from "@waggle/testing/harness";
import { execa } from "execa";

const shared = globalThis as { waggleBuild?: Promise<unknown> };

export async function setup(): Promise<void> {
  await (shared.waggleBuild ??= execa("npx", ["--yes", packageManager, "build"]));
}
