// Owns the shape of a setting: its flag, what it takes, its default, what it means. Help, variables, validation and the
// table in docs/operations.md all come from such rows.
import type { z } from "zod";
import type { TextSchema } from "./values.ts";

export const optionGroups = [
  "Settings file",
  "Model",
  "Engine",
  "Network",
  "Access",
  "Hive",
  "Fleet",
  "Logs",
  "Limits",
  "Fake backend",
] as const;

/** Stands for the value of a setting that is on unless somebody turns it off: a bare flag could not. */
export const booleanValue = "bool";

export interface OptionRow {
  /** Without its dashes. The variable is WAGGLE_ and the same in upper case. */
  readonly flag: string;
  /** What stands for the value in the help; a switch has none. */
  readonly value?: string;
  readonly group: (typeof optionGroups)[number];
  readonly help: string;
  readonly schema: TextSchema<unknown>;
  /** As text, validated like any other. */
  readonly default?: string;
  /** Where the default is not a fixed text: what it is, in words. */
  readonly defaultText?: string;
  /** May be given several times; what stands between the values in the text of all of them. */
  readonly repeatable?: "," | "\n";
  /** For tests: left out of the help. */
  readonly hidden?: true;
}

export type OptionRows = Readonly<Record<string, OptionRow>>;

/** All settings of a table after validation; one without a default may be missing. */
export type OptionValuesOf<T extends OptionRows> = {
  readonly [K in keyof T]: z.output<T[K]["schema"]> | (T[K] extends { default: string } ? never : undefined);
};

export function variableOf(row: Pick<OptionRow, "flag">): string {
  return `WAGGLE_${row.flag.toUpperCase().replaceAll("-", "_")}`;
}
