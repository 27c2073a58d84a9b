// Owns that no test ever runs a stale daemon: the build is made, or found to be as it should, before the first of them.
import { readFileSync } from "node:fs";
import { execa } from "execa";

export async function setup(): Promise<void> {
  const { packageManager } = JSON.parse(readFileSync("package.json", "utf8")) as { packageManager: string };
  await execa("npx", ["--yes", packageManager, "build"]);
}
