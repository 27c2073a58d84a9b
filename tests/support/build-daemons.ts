// Builds the daemons before the first test, if the build is not up to date, so that no test runs a stale daemon.
import { readFileSync } from "node:fs";
import { execa } from "execa";

export async function setup(): Promise<void> {
  const { packageManager } = JSON.parse(readFileSync("package.json", "utf8")) as { packageManager: string };
  await execa("npx", ["--yes", packageManager, "build"]);
}
