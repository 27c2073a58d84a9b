// Measures how long the schemas of a corpus take to compile, and whether their grammars accept the valid instances and no others.
import { integerOf, showProgress } from "@waggle/testing/harness";
import type { Command as Program } from "commander";
import { compileTimeMs, judgeSchema } from "./schemas/judge-schema.ts";
import { readCorpus } from "./schemas/read-corpus.ts";
import { reportOf } from "./schemas/schema-report.ts";

const mostFiles = 1_000_000;

const help = `
The corpus is a folder of JSON files, each with a "schema" and "tests": [{ "data": …, "valid": true }, …], as in JSONSchemaBench:
    git clone --depth 1 https://github.com/guidance-ai/jsonschemabench
    npx --yes pnpm@12.21.0 bench schemas --corpus jsonschemabench/maskbench/data
The corpus is not part of this repository, and CI does not run this benchmark.

A schema is exact when it compiles and its grammar accepts every valid instance and no invalid one. An instance is written without white
space, and its members in any order: wherever a member may begin, each remaining member is tried. Orders that leave no place for another
member are skipped at first; then 150 more orders are tried. An invalid instance counts as accepted when the grammar accepts any of these
texts. Numbers are written as JSON.stringify does, and without an exponent; numbers of invalid instances as in the file. Times are CPU
times of all threads for one schema, in one process, the first schemas included. All schemas compile before the first one is judged, so
that the times do not include garbage collection after judging.`;

export function addSchemas(command: Program): void {
  command
    .requiredOption("--corpus <folder>", "folder of the schemas, one per file")
    .option("--sample <n>", "largest number of schemas, evenly chosen")
    .option("--list", "name each schema that is not exact, with the reason")
    .addHelpText("after", help)
    .action((flags: { readonly corpus: string; readonly sample?: string; readonly list?: true }) => {
      const sample = flags.sample === undefined ? mostFiles : integerOf("--sample", flags.sample, 1, mostFiles);
      const { files, read } = readCorpus(flags.corpus, sample);
      const each = <T>(doing: string, of: (file: string) => T): T[] =>
        files.map((file, index) => {
          showProgress(`${doing} ${index} of ${files.length} schemas  ${file}`);
          return of(file);
        });
      const compileTimesMs = each("compiling", (file) => compileTimeMs(read(file)));
      const verdicts = each("judging", (file) => ({ file, ...judgeSchema(read(file)) }));
      showProgress("");
      process.stdout.write(reportOf(verdicts, compileTimesMs, flags.list === true));
    });
}
