// Compiles our addon: the compiler's flags, the headers of node-llama-cpp, llama.cpp and Node-API, and the libraries to link.
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { execa } from "execa";
import { engineLibraries } from "./engine-binary.ts";
import type { EnginePackage } from "./engine-package.ts";
import { openLlamaSource } from "./llama-source.ts";

export interface AddonCompile {
  readonly engine: EnginePackage;
  readonly compiler: string;
  readonly sources: readonly string[];
  /** Identifies the build. */
  readonly hash: string;
  /** An empty folder for headers, objects and the addon. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** As node-llama-cpp's own addon is compiled, whose classes ours uses. */
const compilerFlags: readonly string[] = [
  ...["-O2", "-fPIC", "-std=c++17", "-fexceptions", "-Wall", "-Wextra", "-Wno-unused-parameter"],
  ...["-DNAPI_VERSION=7", "-DNODE_GYP_MODULE_NAME=waggle"],
  ...["-DGGML_SHARED", "-DLLAMA_SHARED", "-DGGML_BACKEND_SHARED", "-DGGML_BACKEND_DL"],
];

/** The parts of llama.cpp's source that have the headers. */
const llamaHeaders = ["include", "ggml/include", "ggml/src/ggml-backend-impl.h"];

/** The addon compiles in three seconds on two cores. */
const compilerLimitMs = 300_000;

/** @returns the path of the addon. @throws Error when a command fails; its output goes to stderr */
export async function compileAddon(options: AddonCompile): Promise<string> {
  const { engine, sources, hash, folder, compiler, signal } = options;
  const run = async (...args: readonly string[]): Promise<void> => {
    const settings = {
      stdio: ["ignore", 2, 2],
      cancelSignal: signal,
      timeout: compilerLimitMs,
      reject: false,
    } as const;
    const { failed, shortMessage } = await execa(compiler, args, settings);
    signal.throwIfAborted();
    if (failed) throw new Error(`Cannot compile the addon: ${shortMessage?.split("\n")[0] ?? compiler}`);
  };
  const flags = [
    ...compilerFlags,
    `-DWAGGLE_LIBRARY_VERSION="${engine.version}"`,
    `-DWAGGLE_SOURCE_HASH="${hash}"`,
    ...headerFolders(engine, folder).flatMap((path) => ["-isystem", path]),
  ];
  const objects = sources.filter((path) => path.endsWith(".cc")).map((path) => [path, objectOf(path, folder)] as const);
  await Promise.all(objects.map(async ([path, object]) => await run(...flags, "-c", path, "-o", object)));
  const addon = join(folder, "waggle-llama.node");
  const { before, after } = linkFlags();
  await run(...before, "-o", addon, ...objects.map(([, object]) => object), ...after);
  return addon;
}

function objectOf(path: string, folder: string): string {
  return join(folder, `${basename(path, ".cc")}.o`);
}

function headerFolders({ folder: library }: EnginePackage, folder: string): readonly string[] {
  const llama = join(folder, "llama");
  mkdirSync(llama);
  using source = openLlamaSource(library);
  source.git(`--work-tree=${llama}`, "checkout", "--quiet", "HEAD", "--", ...llamaHeaders);
  const ofLlama = ["include", "ggml/include", "ggml/src"].map((path) => join(llama, path));
  return [join(library, "llama/addon"), ...nodeHeaders(library), ...ofLlama];
}

/** The headers of Node-API that the build of node-llama-cpp uses: for C++, and those of Node itself. */
function nodeHeaders(library: string): readonly string[] {
  const from = createRequire(pathToFileURL(join(library, "package.json")));
  const fromBuilder = createRequire(from.resolve("cmake-js/package.json"));
  const { include_dir: ofNode } = fromBuilder("node-api-headers") as { readonly include_dir: string };
  return [dirname(from.resolve("node-addon-api/package.json")), ofNode];
}

/**
 * The addon finds llama.cpp's functions when it runs. libggml-base has the same name in all packages of node-llama-cpp, which has loaded it then; on
 * macOS its symbols are found then.
 */
function linkFlags(): { readonly before: readonly string[]; readonly after: readonly string[] } {
  if (process.platform === "darwin") return { before: ["-bundle", "-undefined", "dynamic_lookup"], after: [] };
  return { before: ["-shared", "-s"], after: [`-L${engineLibraries()}`, "-l:libggml-base.so"] };
}
