#!/usr/bin/env node
// Starts the daemon from its build, or from its source if there is no build. It runs in this process, so that signals,
// exit codes and the process id are the daemon's.
import { existsSync } from "node:fs";

const built = new URL("../dist/main.js", import.meta.url);
if (existsSync(built)) {
  await import(built.href);
} else {
  const { register: registerTsx } = await import("tsx/esm/api");
  registerTsx();
  await import(new URL("../src/main.ts", import.meta.url).href);
}
