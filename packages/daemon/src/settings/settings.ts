// Owns how settings become values: flag before variable before file before default, each validated by its row. Each program owns the rules
// between its settings. Libraries for settings do not name the line of a file, hide secrets or write our tables of settings, so this is our code.
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
  /** A sentence for each part of the file that cannot be used. */
  readonly problems: readonly string[];
}

/** Number of characters of a refused value that an error shows. */
const maxShownChars = 80;

interface Given {
  readonly text: string;
  /** The variable, or the file and line; undefined for a flag. */
  readonly source?: string;
}

/**
 * Returns the valid values, and a sentence for each other one that names the flag, and the variable, or the file and its line. `values` is
 * complete if there are no problems.
 */
export function readSettings<V extends object>(
  table: OptionRows,
  sources: SettingSources<keyof V & string>,
): { readonly values: V; readonly problems: readonly string[] } {
  const { shown = (text: string) => text } = sources;
  const values: Partial<Record<string, unknown>> = {};
  const problems: string[] = [];
  for (const [key, row] of Object.entries(table) as [keyof V & string, OptionRow][]) {
    const { text = row.default, source } = givenIn(key, row, sources) ?? {};
    const { error, data } = text === undefined ? {} : row.schema.safeParse(text);
    values[key] = data;
    const origin = source === undefined ? "" : ` (from ${source})`;
    for (const { message } of error?.issues ?? []) {
      problems.push(
        `Cannot use --${row.flag} ${JSON.stringify(shown(text ?? "").slice(0, maxShownChars))}${origin}: ${message}.`,
      );
    }
  }
  return { values: values as V, problems };
}

/** An empty variable counts as not set, as in `WAGGLE_MODEL= waggle-worker`. */
export function variableText(env: Environment, name: string): string | undefined {
  return env[name] === "" ? undefined : env[name];
}

function givenVariable(name: string, env: Environment): Given | undefined {
  const text = variableText(env, name);
  return text === undefined ? undefined : { text, source: `the variable ${name}` };
}

function givenIn<K extends string>(key: K, row: OptionRow, { flags, env, file }: SettingSources<K>): Given | undefined {
  const flag = flags.get(key);
  if (flag !== undefined) return { text: flag };
  const variable = givenVariable(variableOf(row), env);
  if (variable !== undefined) return variable;
  const inFile = file?.values.get(key);
  if (inFile !== undefined) return { text: inFile.text, source: `${file?.path}, line ${inFile.line}` };
  return row.sharedVariable === undefined ? undefined : givenVariable(row.sharedVariable, env);
}
