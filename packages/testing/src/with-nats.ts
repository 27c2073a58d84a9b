// Decides whether the tests that need nats-server run.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe } from "vitest";
import { natsFolders } from "./harness/processes/nats.ts";

let hasWarned = false;

/** Without nats-server, the tests are skipped with one message. With `CI` set, they always run, so that they fail without nats-server. */
export function describeWithNats(name: string, body: () => void): void {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...natsFolders];
  const missing = !folders.some((folder) => existsSync(join(folder, "nats-server")));
  if (missing && !hasWarned) {
    console.warn("\n!!!! nats-server IS NOT INSTALLED (Debian: nats-server): THE TESTS OF THE FLEET CANNOT RUN !!!!\n");
    hasWarned = true;
  }
  const suite = missing && process.env["CI"] === undefined ? describe.skip : describe;
  suite(name, body);
}
