// Owns how settings become values: flag before variable before file before default, each validated by its row. What must hold between them,
// their owner knows.
import { z } from "zod";
import { variableOf } from "./option-row.ts";
import type { OptionRow, OptionRows } from "./option-row.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where a setting may stand: the first one that has it wins. */
export interface SettingSources<K extends string> {
  readonly flags: ReadonlyMap<K, string>;
  readonly env: Environment;
  readonly file?: SettingsFile<K> | undefined;
  /** As a refused value may be shown: without credentials. */
  readonly shown?: (text: string) => string;
}

export interface SettingsFile<K extends string> {
  readonly path: string;
  readonly values: ReadonlyMap<K, { readonly text: string; readonly line: number }>;
}

/** How much of a refused value an error shows. */
const maxShownChars = 80;

/** @returns the values, or a sentence for each problem that names the flag, and the variable, or the file and its line */
export function readSettings<V extends object>(
  table: OptionRows,
  sources: SettingSources<keyof V & string>,
): { readonly values: V } | { readonly problems: readonly string[] } {
  const rows = Object.entries(table) as [keyof V & string, OptionRow][];
  const { flags, env, file } = sources;
  const raw = Object.fromEntries(
    rows.map(([key, row]) => [
      key,
      flags.get(key) ?? variableText(env, variableOf(row)) ?? file?.values.get(key)?.text ?? row.default,
    ]),
  );
  const parsed = schemaOf(table).safeParse(raw);
  if (parsed.success) return { values: parsed.data as V };
  return { problems: parsed.error.issues.map((issue) => describeIssue(issue, table, sources)) };
}

/** An empty variable counts as not set, as in `WAGGLE_MODEL= waggle-worker`. */
export function variableText(env: Environment, name: string): string | undefined {
  return env[name] === "" ? undefined : env[name];
}

function schemaOf(table: OptionRows): z.ZodType {
  return z.object(
    Object.fromEntries(
      Object.entries(table).map(([key, row]) => [key, row.default === undefined ? row.schema.optional() : row.schema]),
    ),
  );
}

function describeIssue<K extends string>(
  issue: z.core.$ZodIssue,
  table: OptionRows,
  { flags, env, file, shown = (text) => text }: SettingSources<K>,
): string {
  const key = issue.path[0] as K;
  const row = table[key] ?? { flag: key };
  const variable = variableText(env, variableOf(row));
  const inFile = file?.values.get(key);
  const text = flags.get(key) ?? variable ?? inFile?.text ?? "";
  const source = variable === undefined ? `${file?.path}, line ${inFile?.line}` : `the variable ${variableOf(row)}`;
  const origin = flags.has(key) ? "" : ` (from ${source})`;
  return `Cannot use --${row.flag} ${JSON.stringify(shown(text).slice(0, maxShownChars))}${origin}: ${issue.message}.`;
}
