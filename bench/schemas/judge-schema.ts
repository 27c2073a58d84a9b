// Judges one schema: its compile time, whether it compiles, and whether its grammar accepts exactly the valid instances.
import { jsonSchemaToGbnf, UnsupportedSchemaError } from "@waggle/grammar/json-schema";
import { createInstanceMatcher } from "@waggle/grammar/testing";
import type { CorpusSchema } from "./read-corpus.ts";

export interface SchemaVerdict {
  /** The keyword that is not supported; undefined when the schema compiles. */
  readonly refused: { readonly keyword: string; readonly message: string } | undefined;
  /** Number of invalid instances that the grammar accepts in at least one spelling. */
  readonly wrongAccepts: number;
  /** Number of valid instances that the grammar rejects in every spelling. */
  readonly wrongRejects: number;
  /** Number of instances with too many spellings to try. */
  readonly undecided: number;
}

const microsecondsPerMs = 1_000;

/** CPU time of compiling a schema, in milliseconds. Also measures schemas that are refused. */
export function compileTimeMs({ schema }: CorpusSchema): number {
  const before = process.cpuUsage();
  compile(schema);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / microsecondsPerMs;
}

export function judgeSchema({ schema, instances }: CorpusSchema): SchemaVerdict {
  const compiled = compile(schema);
  if (typeof compiled !== "string") return { refused: compiled, wrongAccepts: 0, wrongRejects: 0, undecided: 0 };
  const matches = createInstanceMatcher(compiled);
  const verdicts = instances.map(({ valid, data, asWritten }) => {
    const verdict = matches(data);
    return { valid, verdict: !valid && verdict === "accepted" ? matches(asWritten) : verdict };
  });
  return {
    refused: undefined,
    wrongAccepts: verdicts.filter(({ valid, verdict }) => !valid && verdict === "accepted").length,
    wrongRejects: verdicts.filter(({ valid, verdict }) => valid && verdict === "rejected").length,
    undecided: verdicts.filter(({ verdict }) => verdict === "undecided").length,
  };
}

function compile(schema: unknown): string | { readonly keyword: string; readonly message: string } {
  try {
    return jsonSchemaToGbnf(schema);
  } catch (error) {
    if (!(error instanceof UnsupportedSchemaError)) throw error;
    return { keyword: error.keyword, message: error.message };
  }
}
