// Owns the command docs: writes the generated pages. Whether one is stale, the command check tells.
import type { Command } from "commander";
import { staleDocs } from "../lib/generated-docs.ts";

export function addDocs(program: Command): void {
  program
    .command("docs")
    .description(
      "write docs/protocol.md, docs/openapi.json and docs/openapi-hive.json from packages/protocol, and the table in docs/models.md from packages/fit",
    )
    .action(() => {
      const written = staleDocs(true).map((path) => `written: ${path}\n`);
      process.stdout.write(written.join("") || "The generated documents are up to date.\n");
    });
}
