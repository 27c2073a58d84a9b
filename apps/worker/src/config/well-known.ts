// Owns where a worker is looked for by those who were told nothing: its port, and the folder of the models. It loads nothing of ours.
import { isAbsolute, join } from "node:path";

export const defaultPort = "7711";

/** After the XDG rules, a relative XDG_CACHE_HOME does not count. */
export function defaultModelsFolder(env: Readonly<Record<string, string | undefined>>, homeFolder: string): string {
  const cache = env["XDG_CACHE_HOME"] ?? "";
  return join(isAbsolute(cache) ? cache : join(homeFolder, ".cache"), "waggle", "models");
}
