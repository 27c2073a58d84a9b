// Owns the command docs: writes the generated pages. The command check reports stale pages.
import type { Command } from "commander";
import { staleDocs } from "../lib/generated-docs.ts";

export function addDocs(command: Command): void {
  command.action(() => {
    const written = staleDocs(true).map((path) => `written: ${path}\n`);
    process.stdout.write(written.join("") || "The generated documents are up to date.\n");
  });
}
