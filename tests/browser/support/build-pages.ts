// Builds the pages once, before the first browser test, so that no test uses a stale page.
import { fileURLToPath } from "node:url";
import { execa } from "execa";

export async function setup(): Promise<void> {
  const cwd = fileURLToPath(new URL("../../../apps/pages/", import.meta.url));
  await execa("vite", ["build"], { cwd, preferLocal: true, localDir: cwd });
}
