// Judges one schema: its compile time, whether it compiles, and whether its grammar accepts exactly the valid instances.
import { jsonSchemaToGbnf, UnsupportedSchemaError } from "@waggle/grammar/json-schema";
import { createInstanceMatcher } from "@waggle/grammar/testing";
import type { CorpusSchema } from "./read-corpus.ts";

export interface SchemaVerdict {
  /** The keyword that is not supported; undefined when the schema compiles. */
  readonly refused: { readonly keyword: string; readonly message: string } | undefined;
  /** Invalid instances with a text that the grammar accepts. */
  readonly wrongAccepts: number;
  /** Valid instances without a text that the grammar accepts. */
  readonly wrongRejects: number;
  /** Instances with too many possible texts to try. */
  readonly undecided: number;
}

const microsecondsPerMs = 1_000;

/** Processor time that a schema takes, whether it compiles or is refused; in milliseconds. */
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
