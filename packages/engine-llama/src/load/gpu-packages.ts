// Finds node-llama-cpp's GPU packages in a separate folder, because Waggle's installation folder may be read-only.
import { existsSync, readFileSync } from "node:fs";
import * as module from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

type Resolve = (specifier: string, context: object, next: (specifier: string, context?: object) => unknown) => unknown;

/** `registerHooks` exists since Node 22.15. The older `register` is deprecated since Node 26. */
type RegisterHooks = (hooks: { readonly resolve: Resolve }) => unknown;
const { registerHooks } = module as { readonly registerHooks?: RegisterHooks };

const prefix = "@node-llama-cpp/";
const searched = new Set<string>();

/**
 * Makes the library find GPU packages in a folder. Packages that were installed with the library have priority.
 * @param folder the parent of a node_modules folder; without a node_modules folder the call has no effect
 */
export function findGpuPackagesIn(folder: string): void {
  if (searched.has(folder) || !existsSync(join(folder, "node_modules"))) return;
  searched.add(folder);
  const parentURL = pathToFileURL(join(folder, "package.json")).href;
  if (registerHooks === undefined) module.register(asyncHook(parentURL));
  else registerHooks({ resolve: (...given) => resolveWith(parentURL, ...given) });
}

/**
 * @param folder folder with GPU packages
 * @param version version of the library, which only loads packages of the same version
 * @returns the reason why the device's package is not in use, as the end of a sentence
 */
export function whyNoGpu(folder: string | undefined, device: string, version: string): string {
  const path = join(folder ?? "", "node_modules", `${prefix}${system()}-${device}`);
  const fetched = ["cuda", "vulkan"].includes(device) ? `; waggle gpu add ${device} fetches it` : "";
  if (folder === undefined || !existsSync(path)) return `no binary for it is installed${fetched}`;
  const found = versionIn(path);
  if (found !== version)
    return `the package in ${folder} has version ${found}, and version ${version} is needed${fetched}`;
  return `the package in ${folder} does not load here; the GPU, its driver or its libraries may be missing`;
}

/** Name of the system and processor in the names of the library's packages. */
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

/** The hook as source code of a module: Node runs hooks of `register` on a separate thread. */
function asyncHook(parentURL: string): string {
  const text = `
    export function resolve(specifier, context, next) {
      if (!specifier.startsWith(${JSON.stringify(prefix)})) return next(specifier, context);
      return next(specifier, context).catch(() => next(specifier, { ...context, parentURL: ${JSON.stringify(parentURL)} }));
    }`;
  return `data:text/javascript,${encodeURIComponent(text)}`;
}
