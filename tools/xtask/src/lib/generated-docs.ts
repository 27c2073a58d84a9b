// Lists the generated files and blocks under docs/, and finds stale files on disk.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { repositoryPath } from "@waggle/testing/harness";
import { ErrorBodySchema, hiveRoutes, openApiRoutes, workerRouteGroups } from "@waggle/protocol";
import { agentLines } from "./docs/agent-lines.ts";
import { withBlocks, type Blocks } from "./docs/blocks.ts";
import {
  commandsTable,
  errorCodesTable,
  exitCodesTable,
  metricsTable,
  samplingTable,
  templateList,
} from "./docs/code-blocks.ts";
import { modelsTable } from "./docs/models-table.ts";
import { settingsBlocks } from "./docs/settings-blocks.ts";
import { wireList } from "./docs/wire-list.ts";

/** The generated blocks of hand-written pages, by the path of the page. */
function pageBlocks(): Readonly<Record<string, Blocks>> {
  return {
    "docs/settings.md": settingsBlocks(),
    "docs/running.md": { "commands of waggle": commandsTable(), "exit codes": exitCodesTable() },
    "docs/metrics.md": { metrics: metricsTable() },
    "docs/models.md": { "recommended models": modelsTable(), "names of chat templates": templateList() },
    "docs/clients.md": { "coding agents": agentLines(), "sampling fields": samplingTable() },
    "docs/streams.md": { "error codes": errorCodesTable() },
  };
}

function wireText(): string {
  const groups = [...workerRouteGroups, { tag: "Hive", routes: hiveRoutes, error: ErrorBodySchema }];
  const documents = groups.map((group) => [group.tag, openApiRoutes([group])] as const);
  return wireList(Object.fromEntries(documents), ["Native", "Hive"]);
}

/** Content of each generated file, by its path from the repository's root. */
function generatedDocs(): ReadonlyMap<string, string> {
  return new Map([
    ["docs/wire.txt", wireText()],
    ...Object.entries(pageBlocks()).map(
      ([path, blocks]) => [path, withBlocks(path, readFileSync(repositoryPath(path), "utf8"), blocks)] as const,
    ),
  ]);
}

/** Returns the paths of missing and stale files. @param write whether to replace these files with current ones */
export function staleDocs(write = false): string[] {
  const stale = [...generatedDocs()].filter(([path, text]) => {
    const file = repositoryPath(path);
    return !existsSync(file) || readFileSync(file, "utf8") !== text;
  });
  if (write) for (const [path, text] of stale) writeFileSync(repositoryPath(path), text);
  return stale.map(([path]) => path);
}
