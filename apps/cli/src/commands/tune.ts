// Owns `waggle tune`: measures a model with its present settings and with others, says which are fastest, and writes them if asked.
import { existsSync } from "node:fs";
import { totalmem } from "node:os";
import { resolve } from "node:path";
import { readText } from "@waggle/async";
import { createStatusLine, formatBytes } from "@waggle/daemon/terminal";
import { SettingsError } from "@waggle/daemon";
import { readModelHeader } from "@waggle/models/download";
import type { GgufHeader } from "@waggle/models/header";
import { engineMemory } from "@waggle/models/memory";
import { editSettings, writeSettings, type ModelEdit } from "@waggle/worker/edit-settings";
import { engineSettingsOf } from "@waggle/worker/engine-settings";
import { measureModel, type MeasuredModel } from "@waggle/worker/tune";
import { CliError, exitCodes, wrongUse } from "../cli-error.ts";
import type { Context, Run, Words } from "../command.ts";
import { pickPath } from "../local/downloads.ts";
import { findGpu } from "../local/free-gpu.ts";
import { ownEnvironment } from "../local/own-environment.ts";
import { loadPlan, type LoadPlan } from "../local/worker-settings.ts";
import { bestOf, bestOfEachOption, bestThreads, gainOf, type Result, type Rule } from "../tune/choose.ts";
import { formatDiff, formatReport, reportData, type Failed, type TuneReport } from "../tune/report.ts";
import {
  combined,
  optionNames,
  present,
  threadCounts,
  variantsOf,
  type OptionName,
  type Variant,
} from "../tune/variants.ts";

const usualPromptTokens = 1_024;
const fewestPromptTokens = 32;
const mostPromptTokens = 65_536;
const mostFileBytes = 1_048_576;

export const run: Run = async (context, words) => {
  const { config, out, signal } = context;
  const [wanted = ""] = words.args;
  const only = onlyOf(words);
  const promptTokens = promptTokensOf(words);
  const file = settingsFile(context, words);
  const path = resolve(await pickPath(config, wanted));
  const { header } = await readModelHeader(path, { folder: config.modelsFolder, offline: true, signal });
  const slots = words.text("slots");
  const plan = await loadPlan(config.env, {
    ...{ wanted, path, file: file !== undefined && existsSync(file) ? file : undefined },
    flags: slots === undefined ? [] : ["--slots", slots],
  });
  await requireMemory(context, path, header, plan);
  if (words.has("write") && file !== undefined) editFile(file, { wanted, path, settings: {} });
  const report = await tune(context, { path, plan, only, promptTokens, allowCacheType: words.has("allowCacheType") });
  const isJson = words.has("json");
  const written = words.has("write") && file !== undefined ? writeBest(file, wanted, path, report) : undefined;
  if (isJson) {
    const data = { ...reportData(report), written: written === undefined ? null : (file ?? null) };
    out.write(`${JSON.stringify(data, undefined, 2)}\n`);
  } else {
    out.write(formatReport(report));
    if (written !== undefined) out.write(`\n${written}`);
    else if (words.has("write")) out.write("Nothing was written.\n");
  }
  return exitCodes.ok;
};

interface Task {
  readonly path: string;
  readonly plan: LoadPlan;
  readonly only: readonly OptionName[];
  readonly promptTokens: number;
  readonly allowCacheType: boolean;
}

async function tune(context: Context, { path, plan, only, promptTokens, allowCacheType }: Task): Promise<TuneReport> {
  const { config, err, signal } = context;
  const status = createStatusLine(err);
  let count = 0;
  let total = 1;

  async function measure(variant: Variant, threads: readonly number[], tokens: number): Promise<MeasuredModel> {
    count += 1;
    const title = `${count} of ${total}: ${variant.name}`;
    if (!err.isTerminal) err.write(`${title}\n`);
    const { settings, ...rest } = plan;
    return await measureModel({
      ...rest,
      model: path,
      settings: { ...settings, ...variant.settings },
      threads,
      promptTokens: tokens,
      env: ownEnvironment(config.env),
      signal,
      onProgress: (stage, share) => status.show(`${title}: ${stage} ${Math.floor(share * 100)} %`),
    });
  }

  try {
    const first = await measure(present, threadCounts(plan.settings, plan.maxThreads), promptTokens);
    const threads = bestThreads(first.speeds);
    const now = bestOf(first.speeds);
    const results: Result[] = [{ variant: present, best: now, rssBytes: first.rssBytes }];
    const failed: Failed[] = [];
    const tryVariant = async (variant: Variant): Promise<Result | undefined> => {
      try {
        const { speeds, rssBytes } = await measure(variant, threads, first.promptTokens);
        const result = { variant, best: bestOf(speeds), rssBytes };
        results.push(result);
        return result;
      } catch (error) {
        signal.throwIfAborted();
        failed.push({ variant, reason: (error as Error).message });
        return undefined;
      }
    };
    const variants = variantsOf(presentOf(first), only);
    total = variants.length + 2;
    for (const variant of variants) await tryVariant(variant);
    const again = await tryVariant({ ...present, name: "as now, measured again" });
    const noise = again === undefined ? 0 : gainOf(again.best, now);
    const rule: Rule = { now, noise, allowCacheType };
    const tried = results.filter(({ variant }) => variants.includes(variant));
    const best = bestOfEachOption(tried, rule);
    let [chosen] = best;
    if (chosen !== undefined && best.length > 1) {
      total += 1;
      const together = await tryVariant(combined(best.map(({ variant }) => variant)));
      if (together !== undefined && gainOf(together.best, now) > gainOf(chosen.best, now)) chosen = together;
    }
    const { slots, attention, settings } = first;
    return {
      model: path,
      slots,
      promptTokens: first.promptTokens,
      threads: first.speeds,
      attention:
        attention === undefined ? undefined : { costs: attention, hasFlash: settings?.flash_attention === true },
      results,
      failed,
      rule,
      chosen,
    };
  } finally {
    status.clear();
  }
}

function presentOf({ settings, promptTokens }: MeasuredModel): Parameters<typeof variantsOf>[0] {
  return {
    batchSize: settings?.batch_size ?? 512,
    flashAttention: settings?.flash_attention ?? true,
    cacheTypeK: settings?.cache_type_k ?? "f16",
    cacheTypeV: settings?.cache_type_v ?? "f16",
    promptTokens,
  };
}

/** @throws CliError if the model cannot be loaded, so that nothing is started in vain */
async function requireMemory(
  { config, signal }: Context,
  path: string,
  header: GgufHeader,
  { settings }: LoadPlan,
): Promise<void> {
  const gpu = await findGpu(config.gpuFolder, settings.device, signal);
  // The free memory of other GPUs is unknown.
  if (settings.device === "vulkan") return;
  const { host } = engineMemory(header, { ...engineSettingsOf(settings), gpuFreeBytes: gpu?.freeBytes });
  if (host <= totalmem()) return;
  const [needs, has] = [formatBytes(host), formatBytes(totalmem())];
  throw new CliError(
    `Cannot measure ${path}: it needs ${needs} of memory, and this machine has ${has}. "waggle fit" says which settings fit.`,
  );
}

/** @returns the change, or undefined if nothing was to be changed */
function writeBest(file: string, wanted: string, path: string, { chosen }: TuneReport): string | undefined {
  if (chosen === undefined) return undefined;
  const { before, after } = editFile(file, { wanted, path, settings: chosen.variant.flags });
  if (after === before) return undefined;
  try {
    writeSettings(file, after);
  } catch (error) {
    throw new CliError(`Cannot write ${file}: ${(error as Error).message}.`, exitCodes.failed, { cause: error });
  }
  return formatDiff(file, before, after);
}

/** @throws CliError naming the file, if it cannot be read, parsed or changed */
function editFile(file: string, edit: ModelEdit): { readonly before: string; readonly after: string } {
  try {
    const before = existsSync(file) ? readText(file, { maxBytes: mostFileBytes }) : "";
    return { before, after: editSettings(file, before, edit) };
  } catch (error) {
    const message =
      error instanceof SettingsError ? error.problems.join(" ") : `Cannot read ${file}: ${(error as Error).message}.`;
    throw wrongUse(message, { cause: error });
  }
}

function settingsFile({ config }: Context, words: Words): string | undefined {
  const given = words.text("config") ?? config.env["WAGGLE_CONFIG"];
  if (given !== undefined && given !== "") return resolve(given);
  if (!words.has("write")) return undefined;
  throw wrongUse("Cannot write the settings: name the settings file with --config.");
}

function onlyOf(words: Words): readonly OptionName[] {
  return words.list("only").map((text) => {
    const option = optionNames.find((name) => name === text);
    if (option !== undefined) return option;
    throw wrongUse(`Cannot use --only ${text}: it must be one of ${optionNames.join(", ")}.`);
  });
}

function promptTokensOf(words: Words): number {
  const text = words.text("prompt");
  if (text === undefined) return usualPromptTokens;
  const tokens = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (tokens >= fewestPromptTokens && tokens <= mostPromptTokens) return tokens;
  throw wrongUse(`Cannot use --prompt ${text}: it must be a number from ${fewestPromptTokens} to ${mostPromptTokens}.`);
}
