// Generates the blocks of metrics, exit codes, error codes, the commands of `waggle`, and the names of chat templates.
import { commandTable, daemonTable } from "@waggle/cli/command-table";
import { templateNames } from "@waggle/chat-format/describe";
import { errorKinds, exitCodes, exitMeanings } from "@waggle/protocol";
import { metricTable, type MetricRow } from "@waggle/telemetry";
import { alignedTable } from "./table.ts";

interface Word {
  readonly name: string;
  readonly required?: true;
  readonly variadic?: true;
}

const commands: readonly { readonly name: string; readonly summary: string; readonly arguments?: readonly Word[] }[] = [
  ...daemonTable.map((one) =>
    "completion" in one ? { ...one, arguments: [{ name: "models", variadic: true as const }] } : one,
  ),
  ...commandTable,
];

export function metricsTable(): string {
  const rows = Object.values<MetricRow>(metricTable).map((row) => [
    `\`${row.name}\``,
    row.kind,
    row.labels.map((label) => `\`${label}\``).join(", "),
    row.help,
  ]);
  return alignedTable([["name", "kind", "labels", "meaning"], ...rows]);
}

export function exitCodesTable(): string {
  const names = Object.keys(exitCodes) as (keyof typeof exitCodes)[];
  return alignedTable([["code", "meaning"], ...names.map((name) => [String(exitCodes[name]), exitMeanings[name]])]);
}

export function errorCodesTable(): string {
  const rows = Object.entries(errorKinds).map(([code, { status, type, retryable, when }]) => [
    `\`${code}\``,
    code === "slow_consumer" ? "stream only" : String(status),
    `\`${type}\``,
    retryable ? "yes" : "no",
    when,
  ]);
  return alignedTable([["code", "status", "type", "retry", "when"], ...rows]);
}

export function commandsTable(): string {
  const rows = commands.map(({ name, summary, arguments: words = [] }) => {
    const wordText = (word: Word): string =>
      word.required ? `<${word.name}>` : `[${word.name}${word.variadic ? "…" : ""}]`;
    return [`\`${["waggle", name, ...words.map(wordText)].join(" ")}\``, summary];
  });
  return alignedTable([["command", "what it does"], ...rows]);
}

export function templateList(): string {
  return `${templateNames.map((name) => `\`${name}\``).join(", ")}.`;
}
