// Owns the defaults that other programs share with a worker: its port, and the folders of models and of packages for a GPU. This file
// imports no other file of Waggle.
import { isAbsolute, join } from "node:path";

export const defaultPort = "7711";

type Environment = Readonly<Record<string, string | undefined>>;

export function defaultModelsFolder(env: Environment, homeFolder: string): string {
  return join(cacheFolder(env, homeFolder), "models");
}

export function defaultGpuFolder(env: Environment, homeFolder: string): string {
  return join(cacheFolder(env, homeFolder), "gpu");
}

export function defaultMcpJournalFolder(env: Environment, homeFolder: string): string {
  return join(defaultStateFolder(env, homeFolder), "mcp");
}

/** Folder of what a program of Waggle keeps between runs. */
export function defaultStateFolder(env: Environment, homeFolder: string): string {
  return folderOf(env["XDG_STATE_HOME"], join(homeFolder, ".local/state"));
}

function cacheFolder(env: Environment, homeFolder: string): string {
  return folderOf(env["XDG_CACHE_HOME"], join(homeFolder, ".cache"));
}

/** The XDG rules say to ignore a variable with a relative path. */
function folderOf(variable: string | undefined, usual: string): string {
  return join(variable !== undefined && isAbsolute(variable) ? variable : usual, "waggle");
}
