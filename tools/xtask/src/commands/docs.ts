// Owns the command docs: writes the generated pages, or with --check only tells which are stale.
import type { Command } from "commander";
import { staleDocs } from "../lib/generated-docs.ts";

export function addDocs(program: Command): void {
  program
    .command("docs")
    .description("write docs/protocol.md, docs/openapi.json and docs/openapi-hive.json from packages/protocol")
    .option("--check", "write nothing; fail when one is stale")
    .action(({ check }: { readonly check?: true }) => {
      const paths = staleDocs(check !== true);
      for (const path of paths) process.stdout.write(`${check ? "stale" : "written"}: ${path}\n`);
      if (paths.length === 0) process.stdout.write("The generated documents are up to date.\n");
      if (check && paths.length > 0) process.exitCode = 1;
    });
}
