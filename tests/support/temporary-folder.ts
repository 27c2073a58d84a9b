// Owns the folder for temporary files of a test run. A test deletes none of its folders: it could be killed before, and its daemons may still write
// there. The folder of the run is deleted with all of them.
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
