// Shows the recommended models with what `waggle fit` says of them on this machine.
import { formatBytes, type Style } from "@waggle/daemon/terminal";
import { neededBytes, type Fit, type Machine } from "@waggle/models/memory";
import { adviseModels, downloadWords, purposeNames, type Advice } from "@waggle/models/recommended";
import type { Context } from "../command.ts";
import { formatTable, type Column } from "../terminal/table.ts";
import { measureMachine } from "./this-machine.ts";
import { modelSettings } from "./worker-settings.ts";

export interface AdviceHere {
  readonly advice: readonly Advice[];
  readonly machine: Machine;
}

/** @throws CliError naming the variable that is wrong */
export async function adviseHere(context: Pick<Context, "config" | "signal">): Promise<AdviceHere> {
  const settings = await modelSettings(context.config.env);
  const machine = await measureMachine(context, settings);
  return { advice: adviseModels(machine, settings), machine };
}

interface Fitting {
  readonly model: Advice["model"];
  readonly fit: Fit;
}

interface FittingColumn extends Column {
  readonly cell: (fitting: Fitting) => string;
}

const columns: readonly FittingColumn[] = [
  { title: "MODEL", cell: ({ model }) => model.name },
  { title: "FOR", cell: ({ model }) => model.purposes.map((purpose) => purposeNames[purpose]).join(", ") },
  { title: "FILE", right: true, cell: ({ model }) => formatBytes(model.bytes) },
  { title: "MEMORY", right: true, cell: ({ fit }) => formatBytes(neededBytes(fit)) },
  { title: "CONTEXT", right: true, cell: ({ fit }) => String(fit.contextSize) },
  { title: "TOK/S", right: true, cell: ({ fit }) => speedOf(fit) ?? "" },
];
const gpuColumn: FittingColumn = {
  title: "GPU",
  cell: ({ fit: { gpu, gpuLayers } }) => (gpu === "whole" ? "all" : gpu === "part" ? `${gpuLayers} layers` : ""),
};
const downloadedColumn: FittingColumn = {
  title: "DOWNLOADED",
  cell: ({ model: { downloaded } }) => (downloaded === "never" ? "" : downloaded),
};

/** Formats the models that fit as a table, with the command that downloads each below its row. */
export function formatAdvice({ advice, machine: { freeBytes, gpu } }: AdviceHere, style: Style): string {
  const fitting = advice.flatMap(({ model, row: { fit } }): Fitting[] =>
    fit === undefined || fit.verdict === "none" ? [] : [{ model, fit }],
  );
  const shown = [
    ...columns,
    ...(gpu === undefined ? [] : [gpuColumn]),
    ...(fitting.some(({ model }) => model.downloaded !== "never") ? [downloadedColumn] : []),
  ];
  const rows = fitting.map((one) => shown.map(({ cell }) => cell(one)));
  const [title = "", ...lines] = formatTable(shown, rows).trimEnd().split("\n");
  const commands = fitting.map(({ model }) => style.dim(`  waggle pull ${model.reference}`));
  const table = [title, ...lines.flatMap((line, i) => [line, commands[i] ?? ""])].join("\n");
  const more = advice.length - fitting.length;
  const onGpu = gpu === undefined ? "" : `, ${formatBytes(gpu.freeBytes)} on ${gpu.name}`;
  const notes = [
    ...(more > 0 ? [`${more} more ${more === 1 ? "model of the list does" : "models of the list do"} not fit.`] : []),
    downloadWords(),
    `${formatBytes(freeBytes)} of memory are free${onGpu}.`,
    "MEMORY is for a context of CONTEXT tokens, which is smaller if memory is short.",
    "TOK/S is the upper bound of tokens a second in one stream, by memory bandwidth.",
    '"waggle fit <reference>" computes the memory of any model, from its file.',
  ];
  return `Recommended models that fit on this machine:\n\n${table}\n\n${notes.join("\n")}\n`;
}

/** Undefined if the speed is unknown. */
function speedOf({ tokensPerSecond: speed }: Fit): string | undefined {
  return speed === undefined ? undefined : `~${speed >= 100 ? speed.toFixed(0) : speed.toPrecision(2)}`;
}

/** Empty if the speed is unknown. */
export function speedWords(fit: Fit): readonly string[] {
  const speed = speedOf(fit);
  return speed === undefined ? [] : [`${speed} tokens/s`];
}

export function downloadedWords({ downloaded }: Advice["model"]): string {
  return downloaded === "never" ? "never downloaded with Waggle" : `downloaded with Waggle on ${downloaded}`;
}
