// Shows the recommended models with what `waggle fit` says of them on this machine.
import { formatBytes, type Style } from "@waggle/daemon/terminal";
import { neededBytes, verdictOf, type Fit, type Machine } from "@waggle/models/memory";
import { adviseModels, downloadWords, purposeNames, type Advice } from "@waggle/models/recommended";
import type { Context } from "../command.ts";
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

/** Formats the models that fit, each with the command that downloads it. */
export function formatAdvice({ advice, machine: { freeBytes, gpu } }: AdviceHere, style: Style): string {
  const fitting = advice.flatMap(({ model, row: { fit } }) => {
    if (fit === undefined || fit.verdict === "none") return [];
    const purposes = model.purposes.map((purpose) => purposeNames[purpose]).join(", ");
    const facts = `${purposes}; ${fitWords({ model, fit })}; ${downloadedWords(model)}`;
    return [`  ${model.name} (${facts})\n    ${style.dim(`waggle pull ${model.reference}`)}\n`];
  });
  const more = advice.length - fitting.length;
  const onGpu = gpu === undefined ? "" : `, ${formatBytes(gpu.freeBytes)} on ${gpu.name}`;
  const notes = [
    ...(more > 0 ? [`${more} more ${more === 1 ? "model of the list does" : "models of the list do"} not fit.`] : []),
    downloadWords(),
    `${formatBytes(freeBytes)} of memory are free${onGpu}. Tokens/s is the upper bound for one stream, by memory bandwidth.`,
    '"waggle fit <reference>" computes the memory from the file itself, also of models that are not in the list.',
  ];
  return `Recommended models that fit on this machine:\n${fitting.join("")}\n${notes.join("\n")}\n`;
}

/** The size of the file, the memory, the verdict of `waggle fit`, and the speed. */
function fitWords({ model, fit }: { readonly model: Advice["model"]; readonly fit: Fit }): string {
  const needs = `needs ${formatBytes(neededBytes(fit))} with ${fit.contextSize} tokens`;
  return [`file ${formatBytes(model.bytes)}`, needs, verdictOf(fit), ...speedWords(fit)].join(", ");
}

/** Empty if the speed is unknown. */
export function speedWords({ tokensPerSecond: speed }: Fit): readonly string[] {
  return speed === undefined ? [] : [`~${speed >= 100 ? speed.toFixed(0) : speed.toPrecision(2)} tokens/s`];
}

export function downloadedWords({ downloaded }: Advice["model"]): string {
  return downloaded === "never" ? "never downloaded with Waggle" : `downloaded with Waggle on ${downloaded}`;
}
