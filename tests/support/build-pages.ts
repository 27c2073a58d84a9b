// Builds the pages before the first test of the browser, so that none uses a stale page.
import { fileURLToPath } from "node:url";
import { execa } from "execa";

export const pagesFolder = fileURLToPath(new URL("../../apps/pages/", import.meta.url));

export async function setup(): Promise<void> {
  // As for a release: a test runner's environment makes the pages larger.
  const env = { NODE_ENV: "production" };
  await execa("vite", ["build"], { cwd: pagesFolder, preferLocal: true, localDir: pagesFolder, env });
}
