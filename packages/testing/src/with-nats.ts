// Owns the tests that need a NATS server: without one they are skipped with a message, and fail in CI.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe } from "vitest";

/** Debian installs it in a folder that is only in root's PATH. */
const moreFolders = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin"];
let hasWarned = false;

/** Tests that need `nats-server`. Where it is missing they are skipped, with one message; where CI is set they run, and fail. */
export function describeWithNats(name: string, body: () => void): void {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...moreFolders];
  const missing = !folders.some((folder) => existsSync(join(folder, "nats-server")));
  if (missing && !hasWarned) {
    console.warn("\n!!!! nats-server IS NOT INSTALLED (Debian: nats-server): THE TESTS OF THE FLEET CANNOT RUN !!!!\n");
    hasWarned = true;
  }
  const suite = missing && process.env["CI"] === undefined ? describe.skip : describe;
  suite(name, body);
}
