// Builds the daemons before the first test, if the build is not up to date, so that no test runs a stale daemon.
import { packageManager } from "@waggle/testing/harness";
import { execa } from "execa";

export async function setup(): Promise<void> {
  await execa("npx", ["--yes", packageManager, "build"]);
}
