// Owns which files under docs/ are generated, and whether those on disk are still what the code says.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { repositoryPath } from "@waggle/harness";
import { hiveOpenApi, workerOpenApi } from "@waggle/protocol";
import { withMemoryTable } from "./models-page/memory-table.ts";
import { protocolPage } from "./protocol-page.ts";

/** Their paths from the repository's root, and what they must hold. */
function generatedDocs(): ReadonlyMap<string, string> {
  const { version } = JSON.parse(readFileSync(repositoryPath("package.json"), "utf8")) as { version: string };
  return new Map([
    ["docs/openapi.json", `${JSON.stringify(workerOpenApi(version), null, 2)}\n`],
    ["docs/openapi-hive.json", `${JSON.stringify(hiveOpenApi(version), null, 2)}\n`],
    ["docs/protocol.md", protocolPage(version)],
    ["docs/models.md", withMemoryTable(readFileSync(repositoryPath("docs/models.md"), "utf8"))],
  ]);
}

/** The paths of those that are missing or stale; with `write` they are written. */
export function staleDocs(write = false): string[] {
  const stale = [...generatedDocs()].filter(([path, text]) => {
    const file = repositoryPath(path);
    return !existsSync(file) || readFileSync(file, "utf8") !== text;
  });
  if (write) for (const [path, text] of stale) writeFileSync(repositoryPath(path), text);
  return stale.map(([path]) => path);
}
