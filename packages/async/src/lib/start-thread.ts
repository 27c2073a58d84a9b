// Owns how a module of ours becomes a thread: from the build as it stands there, from source bundled, as Node 20 loads no TypeScript in a thread.
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { Worker, type WorkerOptions } from "node:worker_threads";

/** The part of esbuild that is used. */
interface Bundler {
  buildSync(options: Readonly<Record<string, unknown>>): { readonly outputFiles: readonly { readonly text: string }[] };
}

export type ThreadOptions = Pick<WorkerOptions, "env" | "resourceLimits" | "workerData">;

/** By the entry's path: bundled once, a thread starts in a tenth of the time that it takes to translate its modules one by one. */
const bundles = new Map<string, string>();

/**
 * From source it may not await at its top level.
 * @param name of the module beside the caller's, without its ending
 * @param caller its `import.meta.url`
 */
export function startThread(name: string, caller: string, options: ThreadOptions = {}): Worker {
  if (!caller.endsWith(".ts")) return new Worker(new URL(`./${name}.js`, caller), { ...options, execArgv: [] });
  return new Worker(bundleOf(fileURLToPath(new URL(`./${name}.ts`, caller))), { ...options, eval: true, execArgv: [] });
}

function bundleOf(path: string): string {
  const known = bundles.get(path);
  if (known !== undefined) return known;
  // Only the sources need it, so it comes with no installed package. Within such a bundle there is no way to it, and no need.
  const require = createRequire(import.meta.url);
  const { buildSync } = require("esbuild") as Bundler;
  const { outputFiles } = buildSync({
    entryPoints: [path],
    bundle: true,
    write: false,
    platform: "node",
    format: "cjs",
    target: "node20",
    conditions: ["waggle-source"],
    sourcemap: "inline",
    logLevel: "silent",
  });
  const [bundle] = outputFiles;
  if (bundle === undefined) throw new Error(`Nothing came of ${path}`);
  bundles.set(path, bundle.text);
  return bundle.text;
}
