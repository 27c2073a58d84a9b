// Owns how settings become values: flag before variable before file before default, each validated by its row. Each program owns the rules
// between its settings.
import { z } from "zod";
import type { FileValue } from "./file-values.ts";
import { variableOf } from "./option-row.ts";
import type { OptionRow, OptionRows } from "./option-row.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The sources in their order: the first source that has a setting determines its value. */
export interface SettingSources<K extends string> {
  readonly flags: ReadonlyMap<K, string>;
  readonly env: Environment;
  readonly file?: SettingsFile<K> | undefined;
  /** Removes credentials from a refused value before an error shows it. */
  readonly shown?: ((text: string) => string) | undefined;
}

export interface SettingsFile<K extends string> {
  readonly path: string;
  readonly values: ReadonlyMap<K, FileValue>;
}

/** Number of characters of a refused value that an error shows. */
const maxShownChars = 80;

interface Given {
  readonly text: string;
  /** The variable, or the file and line; undefined for a flag. */
  readonly source?: string;
}

/** @returns the values, or a sentence for each problem that names the flag, and the variable, or the file and its line */
export function readSettings<V extends object>(
  table: OptionRows,
  sources: SettingSources<keyof V & string>,
): { readonly values: V } | { readonly problems: readonly string[] } {
  const rows = Object.entries(table) as [keyof V & string, OptionRow][];
  const given = new Map<string, Given | undefined>(rows.map(([key, row]) => [key, givenIn(key, row, sources)]));
  const raw = Object.fromEntries(rows.map(([key, row]) => [key, given.get(key)?.text ?? row.default]));
  const parsed = schemaOf(table).safeParse(raw);
  const { shown = (text: string) => text } = sources;
  const problems = (parsed.error?.issues ?? []).map(({ path, message }) => {
    const key = String(path[0]);
    const { text = "", source } = given.get(key) ?? {};
    const origin = source === undefined ? "" : ` (from ${source})`;
    const flag = table[key]?.flag ?? key;
    return `Cannot use --${flag} ${JSON.stringify(shown(text).slice(0, maxShownChars))}${origin}: ${message}.`;
  });
  return problems.length > 0 ? { problems } : { values: parsed.data as V };
}

/** An empty variable counts as not set, as in `WAGGLE_MODEL= waggle-worker`. */
export function variableText(env: Environment, name: string): string | undefined {
  return env[name] === "" ? undefined : env[name];
}

/**
 * The variable that sets a row. Older names come first: a name such as `WAGGLE_HIVE_PORT` belongs to one program, and must win over `WAGGLE_PORT`
 * in an environment that a hive shares with a worker.
 */
function givenVariable(row: OptionRow, env: Environment): Given | undefined {
  for (const name of [...(row.oldVariables ?? []), variableOf(row)]) {
    const text = variableText(env, name);
    if (text !== undefined) return { text, source: `the variable ${name}` };
  }
  return undefined;
}

function givenIn<K extends string>(key: K, row: OptionRow, { flags, env, file }: SettingSources<K>): Given | undefined {
  const flag = flags.get(key);
  if (flag !== undefined) return { text: flag };
  const variable = givenVariable(row, env);
  if (variable !== undefined) return variable;
  const inFile = file?.values.get(key);
  return inFile && { text: inFile.text, source: `${file?.path}, line ${inFile.line}` };
}

function schemaOf(table: OptionRows): z.ZodType {
  return z.object(
    Object.fromEntries(
      Object.entries(table).map(([key, row]) => [key, row.default === undefined ? row.schema.optional() : row.schema]),
    ),
  );
}
