// Reads a corpus of schemas: a folder of files, each with a schema and instances that are marked as valid or invalid.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAsWritten } from "@waggle/grammar/testing";

export interface CorpusInstance {
  readonly valid: boolean;
  readonly data: unknown;
  /** `data`, with numbers spelled as in the file. */
  readonly asWritten: unknown;
}

export interface CorpusSchema {
  readonly schema: unknown;
  readonly instances: readonly CorpusInstance[];
}

interface CorpusFile {
  readonly schema?: unknown;
  readonly tests?: readonly { readonly data: unknown; readonly valid: boolean }[];
}

export interface Corpus {
  readonly files: readonly string[];
  read(file: string): CorpusSchema;
}

/** @param sample largest number of files; they are chosen evenly from all files in the order of their names */
export function readCorpus(folder: string, sample: number): Corpus {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const all = names.filter((name) => name.endsWith(".json")).toSorted();
  if (all.length === 0) throw new Error(`Cannot read the corpus ${folder}: it has no JSON files`);
  const step = Math.max(1, all.length / sample);
  const files = Array.from({ length: Math.min(all.length, sample) }, (_, index) => all[Math.floor(index * step)] ?? "");
  return {
    files,
    read: (file) => {
      const text = readFileSync(join(folder, file), "utf8");
      const { schema, tests = [] } = JSON.parse(text) as CorpusFile;
      if (schema === undefined) throw new Error(`Cannot read ${file}: it has no "schema"`);
      const written = (parseAsWritten(text) as CorpusFile).tests ?? [];
      return {
        schema,
        instances: tests.map(({ data, valid }, index) => ({ valid, data, asWritten: written[index]?.data })),
      };
    },
  };
}
