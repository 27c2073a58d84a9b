// Owns which files under docs/ are generated, and whether those on disk are still what the code says.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { repositoryPath } from "@waggle/harness";
import { hiveOpenApi, workerOpenApi } from "@waggle/protocol";
import { protocolPage } from "./protocol-page.ts";

/** Their paths from the repository's root, and what they must hold. */
function generatedDocs(): ReadonlyMap<string, string> {
  const { version } = JSON.parse(readFileSync(repositoryPath("package.json"), "utf8")) as { version: string };
  return new Map([
    ["docs/openapi.json", `${JSON.stringify(workerOpenApi(version), null, 2)}\n`],
    ["docs/openapi-hive.json", `${JSON.stringify(hiveOpenApi(version), null, 2)}\n`],
    ["docs/protocol.md", protocolPage(version)],
  ]);
}

/** Those that are missing or stale. */
export function staleDocs(): string[] {
  return [...generatedDocs()].filter(([path, text]) => textOf(path) !== text).map(([path]) => path);
}

/** Writes those that are missing or stale and answers with their paths. */
export function writeDocs(): string[] {
  const stale = staleDocs();
  for (const [path, text] of generatedDocs()) {
    if (!stale.includes(path)) continue;
    mkdirSync(dirname(repositoryPath(path)), { recursive: true });
    writeFileSync(repositoryPath(path), text);
  }
  return stale;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(repositoryPath(path), "utf8");
  } catch {
    return undefined;
  }
}
