// Generates the blocks of metrics, exit codes, error codes, sampling fields, the commands of `waggle`, and the names of chat templates.
import { commandTable, daemonTable } from "@waggle/cli/command-table";
import { templateNames } from "@waggle/chat-format/describe";
import { errorKinds, errorMeanings, exitCodes, exitMeanings, type ErrorCode } from "@waggle/protocol";
import { samplingFields, type Dialect, type InDialect, type SamplingField } from "@waggle/protocol/sampling";
import { metricTable, type MetricRow } from "@waggle/telemetry";
import { alignedTable, wrappedProse } from "./table.ts";

interface Word {
  readonly name: string;
  readonly required?: true;
  readonly variadic?: true;
}

const commands: readonly { readonly name: string; readonly summary: string; readonly arguments?: readonly Word[] }[] = [
  ...daemonTable.map((one) =>
    one.usage.startsWith("[models...]") ? { ...one, arguments: [{ name: "models", variadic: true as const }] } : one,
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
  const rows = Object.entries(errorKinds).map(([code, { status, type, retryable }]) => [
    `\`${code}\``,
    code === "slow_consumer" ? "stream only" : String(status),
    `\`${type}\``,
    retryable ? "yes" : "no",
    errorMeanings[code as ErrorCode],
  ]);
  return alignedTable([["code", "status", "type", "retry", "when"], ...rows]);
}

export function samplingTable(): string {
  const rows = Object.entries<SamplingField>(samplingFields).map(([name, { values, dialects }]) => [
    `\`${name}\``,
    `${formatCount(values.min)} to ${formatCount(values.max)}${values.whole === true ? ", whole" : ""}`,
    String(values.default),
    ...Object.keys(dialectNames).map((dialect) => differences(dialects[dialect as Dialect])),
  ]);
  return alignedTable([["field", "values", "default", ...Object.values(dialectNames)], ...rows]);
}

const dialectNames = {
  openai: "OpenAI",
  responses: "Responses",
  anthropic: "Anthropic",
  ollama: "Ollama",
  "llama-server": "llama-server",
} as const satisfies Readonly<Record<Dialect, string>>;

function differences(accepted: InDialect | undefined): string {
  if (accepted === undefined) return "";
  const { min, default: byDefault, wide } = accepted;
  const parts = [
    ...(byDefault === undefined ? [] : [`default ${byDefault}`]),
    ...(min === undefined ? [] : [`from ${min}`]),
    ...(wide === true ? ["any integer"] : []),
  ];
  return parts.length === 0 ? "yes" : parts.join(", ");
}

function formatCount(value: number): string {
  return value.toLocaleString("en-US");
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
  return wrappedProse(`${templateNames.map((name) => `\`${name}\``).join(", ")}.`);
}
