// Shows the recommended models with what `waggle fit` says of them on this machine.
import { formatBytes, type Style } from "@waggle/daemon/terminal";
import { busyWords, isSlow, wasBusy, type Fit, type Machine } from "@waggle/models/memory";
import { adviseModels, bestOf, bestOfPurposes, listWords, purposeNames, type Advice } from "@waggle/models/recommended";
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

/** The model to take for a chat; undefined after a measurement of a busy machine, which says nothing about speeds. */
function modelToTake({ advice, machine }: AdviceHere): Advice["model"] | undefined {
  if (wasBusy(machine)) return undefined;
  return bestOfPurposes(advice, machine).find(({ purpose }) => purpose === "chat")?.best?.model;
}

/** The model to take of these: the best that is useful here, or else the largest that fits, or else the smallest. */
export function pickBest(advice: readonly Advice[], machine: Machine): Advice | undefined {
  const fitting = advice.filter(({ row }) => row.fit !== undefined && row.fit.verdict !== "none");
  return bestOf(advice, machine) ?? fitting.findLast(({ row }) => !isSlow(row.fit)) ?? fitting[0] ?? advice[0];
}

export function fitWord(row: Advice["row"]): string {
  const { fit } = row;
  if (fit === undefined || fit.verdict === "none") return "does not fit this machine";
  if (isSlow(fit)) return "slow on this machine";
  return fit.verdict === "smaller" ? "fits with a shorter context" : "fits";
}

interface Fitting {
  readonly model: Advice["model"];
  readonly fit: Fit;
  readonly isSlow: boolean;
}

interface FittingColumn extends Column {
  readonly cell: (fitting: Fitting) => string;
}

const columns: readonly FittingColumn[] = [
  { title: "MODEL", cell: ({ model }) => model.name },
  { title: "FOR", cell: ({ model }) => model.purposes.map((purpose) => purposeNames[purpose]).join(", ") },
  { title: "FILE", right: true, cell: ({ model }) => formatBytes(model.bytes) },
  { title: "MEMORY", right: true, cell: ({ fit }) => formatBytes(fit.oneAnswerBytes) },
  { title: "CONTEXT", right: true, cell: ({ fit }) => String(fit.contextSize) },
  { title: "TOK/S", right: true, cell: ({ fit, isSlow: slow }) => (slow ? "slow" : (speedOf(fit) ?? "")) },
];
const gpuColumn: FittingColumn = {
  title: "GPU",
  cell: ({ fit: { gpu, gpuLayers } }) => (gpu === "whole" ? "all" : gpu === "part" ? `${gpuLayers} layers` : ""),
};

/** Formats the models that fit as a table, with the command that downloads each below its row. The model to take is marked. */
export function formatAdvice(here: AdviceHere, style: Style): string {
  const { advice, machine } = here;
  const { freeBytes, gpu } = machine;
  const fitting = advice.flatMap(({ model, row }): Fitting[] =>
    row.fit === undefined || row.fit.verdict === "none" ? [] : [{ model, fit: row.fit, isSlow: isSlow(row.fit) }],
  );
  const best = modelToTake(here);
  const shown = [...columns, ...(gpu === undefined ? [] : [gpuColumn])];
  const rows = fitting.map((one) => shown.map(({ cell }) => cell(one)));
  const [title = "", ...lines] = formatTable(shown, rows).trimEnd().split("\n");
  const commands = fitting.map(({ model }) => {
    const command = style.dim(`  waggle pull ${model.reference}`);
    return model === best ? `${command}  ${style.green("← take this one")}` : command;
  });
  const table = [title, ...lines.flatMap((line, i) => [line, commands[i] ?? ""])].join("\n");
  const more = advice.length - fitting.length;
  const onGpu = gpu === undefined ? "" : `, ${formatBytes(gpu.freeBytes)} on ${gpu.name}`;
  const notes = [
    ...(more > 0 ? [`${more} more ${more === 1 ? "model of the list does" : "models of the list do"} not fit.`] : []),
    listWords(),
    `${formatBytes(freeBytes)} of memory are free${onGpu}.`,
    "MEMORY is for one answer at a time with CONTEXT tokens, fewer if memory is short.",
    "TOK/S is the most tokens that one answer gets a second. slow: less than a word.",
    ...(wasBusy(machine) ? [busyWords] : []),
    '"waggle fit <reference>" computes the memory of any model, also for more answers.',
  ];
  return `Recommended models for this machine:\n\n${table}\n\n${notes.join("\n")}\n`;
}

/** Undefined if the speed is unknown. */
function speedOf({ tokensPerSecond: speed }: Fit): string | undefined {
  return speed === undefined ? undefined : `~${speed >= 100 ? speed.toFixed(0) : speed.toPrecision(2)}`;
}
