// Owns that packages of node-llama-cpp's for a GPU are found in a folder of their own: Waggle's may not be writable, and belongs to whoever
// installed it.
import { existsSync, readFileSync } from "node:fs";
import * as module from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

type Resolve = (specifier: string, context: object, next: (specifier: string, context?: object) => unknown) => unknown;

/** Since Node 22.15; `register` is deprecated since Node 26. */
type RegisterHooks = (hooks: { readonly resolve: Resolve }) => unknown;
const { registerHooks } = module as { readonly registerHooks?: RegisterHooks };

const prefix = "@node-llama-cpp/";
const searched = new Set<string>();

/**
 * Those that are installed beside the library go before. The library takes none of another version than its own.
 * @param folder with a node_modules in it; nothing happens where there is none
 */
export function findGpuPackagesIn(folder: string): void {
  if (searched.has(folder) || !existsSync(join(folder, "node_modules"))) return;
  searched.add(folder);
  const parentURL = pathToFileURL(join(folder, "package.json")).href;
  if (registerHooks === undefined) module.register(asyncHook(parentURL));
  else registerHooks({ resolve: (...given) => resolveWith(parentURL, ...given) });
}

/**
 * Why a device's package is not what computes, as the end of a sentence.
 * @param folder of packages besides the library's
 * @param version the library's
 */
export function whyNoGpu(folder: string | undefined, device: string, version: string): string {
  const path = join(folder ?? "", "node_modules", `${prefix}${system()}-${device}`);
  const fetched = ["cuda", "vulkan"].includes(device) ? `; waggle gpu add ${device} fetches it` : "";
  if (folder === undefined || !existsSync(path)) return `no binary for it is installed${fetched}`;
  const found = versionIn(path);
  if (found !== version) return `the package in ${folder} is of version ${found}, and ${version} is wanted${fetched}`;
  return `the package in ${folder} does not load here, as without such a GPU, its driver or its libraries`;
}

/** As the library's packages call it. */
function system(): string {
  const names: Readonly<Record<string, string>> = { darwin: "mac", win32: "win" };
  return `${names[process.platform] ?? process.platform}-${process.arch}`;
}

function versionIn(path: string): string {
  try {
    return (JSON.parse(readFileSync(join(path, "package.json"), "utf8")) as { version: string }).version;
  } catch {
    return "unknown";
  }
}

function resolveWith(parentURL: string, ...[specifier, context, next]: Parameters<Resolve>): unknown {
  if (!specifier.startsWith(prefix)) return next(specifier, context);
  try {
    return next(specifier, context);
  } catch {
    return next(specifier, { ...context, parentURL });
  }
}

/** The same as a module's text: the older hooks run on a thread of their own. */
function asyncHook(parentURL: string): string {
  const text = `
    export function resolve(specifier, context, next) {
      if (!specifier.startsWith(${JSON.stringify(prefix)})) return next(specifier, context);
      return next(specifier, context).catch(() => next(specifier, { ...context, parentURL: ${JSON.stringify(parentURL)} }));
    }`;
  return `data:text/javascript,${encodeURIComponent(text)}`;
}
