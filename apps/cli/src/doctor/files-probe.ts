// Collects the facts about folders, models and the token file.
import { access, constants, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { engineMemory } from "@waggle/models/memory";
import { modelCardOf, readGgufFile, type GgufHeader } from "@waggle/models/header";
import type { CliConfig } from "../config.ts";
import { listDownloads } from "../local/downloads.ts";
import { ownModelFiles } from "../local/worker-settings.ts";
import type { FolderFacts, ModelFileFacts, TokenFileFacts } from "./files.ts";

/** Maximum number of models whose headers are read. The limit applies to the downloads and to all other models separately. */
const maxModels = 200;

export async function probeFolder(path: string, purpose: string): Promise<FolderFacts> {
  const { existing, isFolder } = await nearest(path);
  const writable = await access(existing, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  return { path, purpose, existing, isFolder, writable };
}

async function nearest(path: string): Promise<{ readonly existing: string; readonly isFolder: boolean }> {
  try {
    return { existing: path, isFolder: (await stat(path)).isDirectory() };
  } catch {
    const parent = dirname(path);
    return parent === path ? { existing: path, isFolder: false } : await nearest(parent);
  }
}

/** Free bytes on the file system of the path. */
export async function probeDisk(path: string): Promise<number> {
  const { bsize, bavail } = await statfs((await nearest(path)).existing);
  return bavail * bsize;
}

export async function probeModelFiles(config: CliConfig, signal: AbortSignal): Promise<readonly ModelFileFacts[]> {
  const models = (await listDownloads(config)).slice(0, maxModels);
  const facts: ModelFileFacts[] = [];
  for (const { name, reference, path, state, bytes, totalBytes } of models) {
    if (state === "partial") {
      facts.push({ name, reference, begun: totalBytes === undefined ? "unknown" : bytes / totalBytes });
    } else facts.push({ name, reference, ...(await lookAt(path, signal)) });
  }
  const downloaded = models.map(({ path }) => path);
  for (const path of (await ownModelFiles(config.env, downloaded)).slice(0, maxModels)) {
    facts.push({ name: path, reference: undefined, own: true, ...(await lookAt(path, signal)) });
  }
  return facts;
}

async function lookAt(path: string, signal: AbortSignal): Promise<Pick<ModelFileFacts, "damage" | "tooLarge">> {
  try {
    return {
      damage: undefined,
      tooLarge: tooLargeFor(process.availableMemory(), await readGgufFile(path, { signal })),
    };
  } catch (error) {
    signal.throwIfAborted();
    return { damage: error instanceof Error ? error.message : String(error) };
  }
}

/** Compares the available memory with the least that a model needs on the CPU; undefined when it is enough. */
export function tooLargeFor(availableBytes: number, header: GgufHeader): ModelFileFacts["tooLarge"] {
  if (modelCardOf(header).problem !== undefined) return undefined;
  const { total } = engineMemory(header, { slots: 1, contextSize: 256 });
  return total > availableBytes ? { needsBytes: total, availableBytes } : undefined;
}

/** @param path the value of WAGGLE_API_TOKEN_FILE; the settings check the file's content */
export async function probeTokenFile(path: string | undefined): Promise<TokenFileFacts | undefined> {
  if (path === undefined || path === "") return undefined;
  try {
    const { mode } = await stat(path);
    await access(path, constants.R_OK);
    return { path, error: undefined, mode: process.platform === "win32" ? undefined : mode };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reasons: Readonly<Record<string, string>> = { ENOENT: "no such file", EACCES: "this user may not read it" };
    return { path, error: reasons[code ?? ""] ?? message, mode: undefined };
  }
}
