// Checks how many tokens one job may have by default, with the model that the settings name.
import { basename } from "node:path";
import { counted } from "@waggle/daemon/terminal";
import { defaultMemoryShare, fittingMemory, sharesContext } from "@waggle/models/memory";
import { modelCardOf, readGgufFile } from "@waggle/models/header";
import type { CliConfig } from "../config.ts";
import { listDownloads } from "../local/downloads.ts";
import { modelSettings, ownModelFiles } from "../local/worker-settings.ts";
import { ok, warning, type Finding } from "./finding.ts";

export interface ContextFacts {
  /** Name of the model's file. */
  readonly model: string;
  readonly slots: number;
  /** Whether the engine runs with Waggle's addon. */
  readonly hasAddon: boolean;
  /** Whether one job may use the whole pool. */
  readonly isShared: boolean;
  /** Undefined if not even the smallest context fits into half of the free memory. */
  readonly sizes: { readonly contextSize: number; readonly contextPool: number } | undefined;
}

/**
 * Looks at the first model that a worker would serve, or else the first download; undefined without a model that generates.
 * @param binding what decodes, by the engine's check: it may refuse an addon that is there. Undefined if the engine failed.
 */
export async function probeContext(
  config: CliConfig,
  signal: AbortSignal,
  binding?: string,
): Promise<ContextFacts | undefined> {
  const own = await ownModelFiles(config.env, []);
  const downloads = (await listDownloads(config)).filter(({ state }) => state !== "partial");
  const path = [...own, ...downloads.map((download) => download.path)][0];
  if (path === undefined) return undefined;
  // The check of the models names the problem of a file.
  const header = await readGgufFile(path, { signal }).catch(() => undefined);
  signal.throwIfAborted();
  if (header === undefined || modelCardOf(header).kind !== "generate") return undefined;
  const given = await modelSettings(config.env);
  const hasAddon = binding === undefined ? given.hasAddon === true : binding === "addon";
  const settings = { ...given, hasAddon };
  const available = process.availableMemory();
  const sizes = fittingMemory(header, settings, ({ weights, kvCache, compute, process: engine }) => {
    return kvCache + compute <= (available - weights - engine) * defaultMemoryShare;
  });
  return { model: basename(path), slots: settings.slots, hasAddon, isShared: sharesContext(header, settings), sizes };
}

export function checkContext(facts: ContextFacts | undefined): Finding | undefined {
  if (facts === undefined) return undefined;
  const { model, slots, hasAddon, isShared, sizes } = facts;
  if (sizes === undefined) {
    const remedy = `Use fewer --slots, a smaller model, or --cache-type-k q8_0 --cache-type-v q8_0: waggle fit shows what fits.`;
    return warning(
      "Context",
      `${model}: no context for ${counted(slots, "slot")} fits into half of the free memory`,
      remedy,
    );
  }
  const { contextSize, contextPool } = sizes;
  const one = `${model}: ${contextSize} tokens for one job`;
  if (slots === 1) return ok("Context", one);
  if (isShared) return ok("Context", `${one}, ${contextPool} for all ${slots} slots, which share them`);
  const reason = hasAddon ? "this model or its settings" : "the engine without Waggle's addon";
  return ok("Context", `${one}; the ${slots} slots do not share their memory with ${reason}`);
}
