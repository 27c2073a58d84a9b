// Owns that no browser test ever looks at a stale page: the pages are built once, before the first of them.
import { fileURLToPath } from "node:url";
import { execa } from "execa";

export async function setup(): Promise<void> {
  const cwd = fileURLToPath(new URL("../../../apps/chat/", import.meta.url));
  await execa("vite", ["build"], { cwd, preferLocal: true, localDir: cwd });
}
