#!/usr/bin/env node
// Starts the daemon from its build or, before there is one, from its source: in this very process, so that
// signals, exit codes and the process id are the daemon's own.
import { existsSync } from "node:fs";

const built = new URL("../dist/main.js", import.meta.url);
if (existsSync(built)) {
  await import(built.href);
} else {
  const { register: registerTsx } = await import("tsx/esm/api");
  registerTsx();
  await import(new URL("../src/main.ts", import.meta.url).href);
}
