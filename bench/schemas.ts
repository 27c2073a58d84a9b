// How long the schemas of a corpus take to compile, and whether their grammars have the instances that are valid and no others.
import { integerOf, showProgress } from "@waggle/testing/harness";
import type { Command as Program } from "commander";
import { compileTimeMs, judgeSchema } from "./schemas/judge-schema.ts";
import { readCorpus } from "./schemas/read-corpus.ts";
import { reportOf } from "./schemas/schema-report.ts";

const mostFiles = 1_000_000;

const help = `
The corpus is a folder of JSON files, each with a "schema" and "tests": [{ "data": …, "valid": true }, …], as JSONSchemaBench has them:
    git clone --depth 1 https://github.com/guidance-ai/jsonschemabench
    npx --yes pnpm@12.21.0 bench schemas --corpus jsonschemabench/maskbench/data
Nothing of it belongs to this repository, and CI does not run this.

A schema is exact when it compiles and its grammar has every instance that is valid and none that is not. An instance is written without
white space, its members in whatever order the grammar has them: wherever a member may begin, each that is still to be written is tried,
first without ways on which another one can no longer be written, then in 150 orders more. An invalid instance counts as accepted when
any of these texts is one of the grammar. Numbers are written as JSON.stringify does, and without an exponent; those of invalid instances
as they stand in the file. Times are processor time of all threads for one schema, in one process, the first schemas included, before
any of them is judged: what judging leaves to be collected is not theirs.`;

export function addSchemas(command: Program): void {
  command
    .requiredOption("--corpus <folder>", "where the schemas are, one to a file")
    .option("--sample <n>", "only so many of them, evenly chosen")
    .option("--list", "name each schema that is not exact, and why")
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
