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

/** The XDG rules say to ignore a variable with a relative path. */
function cacheFolder(env: Environment, homeFolder: string): string {
  const variable = env["XDG_CACHE_HOME"];
  return join(variable !== undefined && isAbsolute(variable) ? variable : join(homeFolder, ".cache"), "waggle");
}
