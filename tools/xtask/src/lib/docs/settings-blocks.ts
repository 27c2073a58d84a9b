// Generates the tables of docs/settings.md: each flag of worker, gateway and hive has a row.
import { optionGroups, variableOf, type OptionRow, type OptionRows } from "@waggle/daemon";
import { gatewayOptions } from "@waggle/gateway/settings";
import { hiveOptions } from "@waggle/mock-hive/settings";
import { optionTable } from "@waggle/worker/settings";
import type { Blocks } from "./blocks.ts";
import { alignedTable, wrappedProse } from "./table.ts";

/** The cells of a setting's row. */
export interface SettingRow {
  readonly group: string;
  /** The flag with the name of its value. */
  readonly flag: string;
  readonly variable: string;
  readonly default: string;
  readonly description: string;
}

export function workerSettings(): SettingRow[] {
  return settingsOf(optionTable);
}

export function settingsBlocks(): Blocks {
  const worker = workerSettings();
  // A group of hidden settings has no table.
  const groups = optionGroups.flatMap((group): [string, string][] => {
    const rows = worker.filter((row) => row.group === group);
    return rows.length === 0 ? [] : [[`settings of ${group}`, settingsTable(rows)]];
  });
  return {
    ...Object.fromEntries(groups),
    "settings of the gateway": comparedWith(worker, gatewayOptions),
    "settings of the hive": comparedWith(worker, hiveOptions),
  };
}

/** A table of the settings that differ from the worker's settings. Equal settings are only listed by name. */
function comparedWith(worker: readonly SettingRow[], table: OptionRows): string {
  const known = new Set(worker.map((row) => JSON.stringify(row)));
  const rows = settingsOf(table);
  const same = rows.filter((row) => known.has(JSON.stringify(row))).map(({ flag }) => `\`${flag.split(" ")[0]}\``);
  const others = rows.filter((row) => !known.has(JSON.stringify(row)));
  return `${settingsTable(others)}\n\n${wrappedProse(`The same as for a worker: ${same.join(", ")}.`)}`;
}

function settingsOf(table: OptionRows): SettingRow[] {
  return Object.values(table)
    .filter(({ hidden }) => hidden !== true)
    .map(settingOf);
}

function settingOf(row: OptionRow): SettingRow {
  return {
    group: row.group,
    flag: row.value === undefined ? `--${row.flag}` : `--${row.flag} <${row.value}>`,
    variable: [variableOf(row), row.sharedVariable ?? []].flat().join("`, `"),
    default: row.default === undefined ? (row.defaultText ?? "") : defaultText(row.default),
    description: row.help,
  };
}

function defaultText(fallback: string | undefined): string {
  if (fallback === undefined) return "";
  return fallback === "false" ? "off" : `\`${fallback}\``;
}

function settingsTable(rows: readonly SettingRow[]): string {
  const cells = rows.map((row) => [`\`${row.flag}\``, `\`${row.variable}\``, row.default, row.description]);
  return alignedTable([["flag", "variable", "default", "meaning"], ...cells]);
}
