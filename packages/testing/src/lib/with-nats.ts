// Owns what becomes of tests that need a NATS server where there is none: one loud line, and in CI a failure.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe } from "vitest";

/** Debian puts it where only root looks. */
const moreFolders = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin"];
let told = false;

/** Tests that need `nats-server`. Where it is missing they are left out, and it is said once; where CI is set they run, and fail. */
export function describeWithNats(name: string, body: () => void): void {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...moreFolders];
  const missing = !folders.some((folder) => existsSync(join(folder, "nats-server")));
  if (missing && !told) {
    console.warn("\n!!!! nats-server IS NOT INSTALLED (Debian: nats-server): THE TESTS OF THE FLEET CANNOT RUN !!!!\n");
    told = true;
  }
  const suite = missing && process.env["CI"] === undefined ? describe.skip : describe;
  suite(name, body);
}
