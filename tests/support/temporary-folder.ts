// Owns the folder for temporary files of a test run. It is deleted with all that tests leave in it: the clean-up of a skipped or killed test does
// not run.
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
