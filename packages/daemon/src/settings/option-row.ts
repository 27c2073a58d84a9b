// Owns the shape of a setting: its flag, its variable, its values, its default, its help. Help, validation, completions and the tables of the
// documents are made from these rows.
import type { z } from "zod";
import type { TextSchema } from "./values.ts";

export const optionGroups = [
  "Settings file",
  "Model",
  "Engine",
  "Network",
  "Access",
  "Tools",
  "Hive",
  "Fleet",
  "Logs",
  "Limits",
  "Batches",
  "Fake backend",
] as const;

/** Name of the value of a switch that is on by default. Such a switch needs a value, since a flag without a value could not turn the switch off. */
export const booleanValue = "bool";

export interface OptionRow {
  /** As in the help, such as `--context, --context-size <tokens>`: a shorter flag if there is one, the flag, and the name of its value. */
  readonly flags: string;
  /** The flag without its dashes. The environment variable is `WAGGLE_` followed by the flag in upper case. */
  readonly flag: string;
  /** The name of the value in the help; undefined for a switch. */
  readonly value: string | undefined;
  readonly group: (typeof optionGroups)[number];
  readonly help: string;
  readonly schema: TextSchema<unknown>;
  /** The default as text, validated like any other value. */
  readonly default?: string;
  /** A description of a default that is not a fixed value. */
  readonly defaultText?: string;
  /** The separator of the values, for a setting that may be given several times. */
  readonly repeatable?: "," | "\n";
  /** A variable of other programs. It counts when neither a flag, nor a variable of Waggle, nor the settings file has the setting. */
  readonly sharedVariable?: string;
  /** Only --help-all lists the setting. */
  readonly advanced?: true;
  /** A setting for tests: neither --help nor --help-all lists it. */
  readonly hidden?: true;
}

export type OptionRows = Readonly<Record<string, OptionRow>>;

/** All settings of a table after validation. A setting without a default may be missing. */
export type OptionValuesOf<T extends OptionRows> = {
  readonly [K in keyof T]: z.output<T[K]["schema"]> | (T[K] extends { default: string } ? never : undefined);
};

type Ungrouped = Omit<OptionRow, "group">;
type Names = Pick<OptionRow, "flags" | "flag" | "value">;
type Details = Omit<Ungrouped, keyof Names | "schema">;

/** A row of a table. @param flags as in the help: the name of the value follows in angle brackets, unless the setting is a switch */
export function setting<T, const D extends Details>(
  flags: string,
  schema: TextSchema<T>,
  details: D,
): Names & D & { readonly schema: TextSchema<T> } {
  const [, flag = "", value] = /--([\w-]+)(?: <(.+)>)?$/.exec(flags) ?? [];
  return { flags, flag, value, schema, ...details };
}

/** A row that only --help-all lists. */
export function advancedSetting<T, const D extends Details>(
  flags: string,
  schema: TextSchema<T>,
  details: D,
): ReturnType<typeof setting<T, D>> {
  return setting(flags, schema, { ...details, advanced: true });
}

type Grouped<T> = { readonly [K in keyof T]: T[K] & Pick<OptionRow, "group"> };

export function inGroup<T extends Readonly<Record<string, Ungrouped>>>(group: OptionRow["group"], rows: T): Grouped<T> {
  return Object.fromEntries(Object.entries(rows).map(([key, row]) => [key, { ...row, group }])) as Grouped<T>;
}

export function variableOf(row: Pick<OptionRow, "flag">): string {
  return `WAGGLE_${row.flag.toUpperCase().replaceAll("-", "_")}`;
}
