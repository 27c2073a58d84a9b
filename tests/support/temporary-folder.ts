// Owns the folder for temporary files of a test run, which the run deletes in the end. Tests leave their folders in it, because their daemons may still
// write there, and because a killed test deletes nothing.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The processes that run the tests, and the daemons, inherit the variable. */
export function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), "waggle-tests-"));
  process.env["TMPDIR"] = folder;
  // A browser that ends with its test process may still write for a moment.
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
}
