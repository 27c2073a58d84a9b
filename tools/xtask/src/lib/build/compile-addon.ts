// Compiles our addons: the compiler's flags, the headers of node-llama-cpp, llama.cpp and Node-API, the sources of mtmd, and the libraries to link.
import { mkdirSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { execa } from "execa";
import type { AddonName } from "./addon-file.ts";
import { engineLibraries } from "./engine-binary.ts";
import type { EnginePackage } from "./engine-package.ts";
import { openLlamaSource } from "./llama-source.ts";

export interface AddonCompile {
  readonly engine: EnginePackage;
  readonly compiler: string;
  readonly name: AddonName;
  readonly sources: readonly string[];
  /** Identifies the build. */
  readonly hash: string;
  /** An empty folder for headers, objects and the addon. */
  readonly folder: string;
  /** Called before the first file and after each one, with the share of files that are compiled. */
  readonly onProgress?: (share: number) => void;
  readonly signal: AbortSignal;
}

/** As node-llama-cpp's own addon is compiled, whose classes ours use. */
const compilerFlags: readonly string[] = [
  ...["-O2", "-fPIC", "-std=c++17", "-fexceptions"],
  ...["-DNAPI_VERSION=7", "-DNODE_GYP_MODULE_NAME=waggle"],
  ...["-DGGML_SHARED", "-DLLAMA_SHARED", "-DGGML_BACKEND_SHARED", "-DGGML_BACKEND_DL"],
];
const ownWarnings: readonly string[] = ["-Wall", "-Wextra", "-Wno-unused-parameter"];

interface LlamaParts {
  /** The parts of llama.cpp's source that are needed. */
  readonly paths: readonly string[];
  /** Folders of headers. */
  readonly headers: readonly string[];
  /** Folders whose sources are compiled into the addon. */
  readonly sources: readonly string[];
}

const headersOnly: LlamaParts = {
  paths: ["include", "ggml/include", "ggml/src/ggml-backend-impl.h"],
  headers: ["include", "ggml/include", "ggml/src"],
  sources: [],
};

const llamaParts: Readonly<Record<AddonName, LlamaParts>> = {
  "waggle-llama": headersOnly,
  "waggle-mtmd": {
    paths: ["include", "ggml/include", "ggml/src", "tools/mtmd", "vendor"],
    headers: [...headersOnly.headers, "vendor", "tools/mtmd"],
    sources: ["tools/mtmd", "tools/mtmd/models"],
  },
};

/** Sources of mtmd that the addon does not need, or that our sources include. */
const leftOut = /^(clip|mtmd|pixtral|mtmd-cli|mtmd-helper.*|deprecation-warning)\.cpp$/;

/** Several times what the larger addon takes on two cores. */
const compilerLimitMs = 300_000;

/** @returns the path of the addon. @throws Error when a command fails; its output goes to stderr */
export async function compileAddon(options: AddonCompile): Promise<string> {
  const { engine, name, sources, hash, folder, compiler, onProgress = () => {}, signal } = options;
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
  const llama = join(folder, "llama");
  checkOut(engine, llama, llamaParts[name].paths);
  const flags = [
    ...compilerFlags,
    `-DWAGGLE_LIBRARY_VERSION="${engine.version}"`,
    `-DWAGGLE_SOURCE_HASH="${hash}"`,
    ...headerFolders(engine, llama, name).flatMap((path) => ["-isystem", path]),
  ];
  const units = [
    ...sources.filter((path) => path.endsWith(".cc")).map((path) => ({ path, warnings: ownWarnings })),
    ...sourcesOfLlama(llama, name).map((path) => ({ path, warnings: ["-w"] })),
  ].map((unit, index) => ({ ...unit, object: join(folder, `${index}-${basename(unit.path)}.o`) }));
  const waiting = [...units];
  let compiled = 0;
  onProgress(compiled);
  const compileWaiting = async (): Promise<void> => {
    for (let unit = waiting.shift(); unit !== undefined; unit = waiting.shift()) {
      await run(...flags, ...unit.warnings, "-c", unit.path, "-o", unit.object);
      compiled += 1;
      onProgress(compiled / units.length);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, compileWaiting));
  const addon = join(folder, `${name}.node`);
  const { before, after } = linkFlags();
  await run(...before, "-o", addon, ...units.map(({ object }) => object), ...after);
  return addon;
}

function checkOut({ folder: library }: EnginePackage, target: string, paths: readonly string[]): void {
  mkdirSync(target);
  using source = openLlamaSource(library);
  source.git(`--work-tree=${target}`, "checkout", "--quiet", "HEAD", "--", ...paths);
}

function headerFolders({ folder: library }: EnginePackage, llama: string, name: AddonName): readonly string[] {
  const ofLlama = llamaParts[name].headers.map((path) => join(llama, path));
  return [join(library, "llama/addon"), ...nodeHeaders(library), ...ofLlama];
}

function sourcesOfLlama(llama: string, name: AddonName): readonly string[] {
  return llamaParts[name].sources.flatMap((path) =>
    readdirSync(join(llama, path))
      .filter((file) => file.endsWith(".cpp") && !leftOut.test(file))
      .map((file) => join(llama, path, file)),
  );
}

/** The headers of Node-API that the build of node-llama-cpp uses: for C++, and those of Node itself. */
function nodeHeaders(library: string): readonly string[] {
  const from = createRequire(pathToFileURL(join(library, "package.json")));
  const fromBuilder = createRequire(from.resolve("cmake-js/package.json"));
  const { include_dir: ofNode } = fromBuilder("node-api-headers") as { readonly include_dir: string };
  return [dirname(from.resolve("node-addon-api/package.json")), ofNode];
}

/**
 * The addons find llama.cpp's functions when they run. libggml-base has the same name in all packages of node-llama-cpp, which has loaded it then; on
 * macOS its symbols are found then.
 */
function linkFlags(): { readonly before: readonly string[]; readonly after: readonly string[] } {
  if (process.platform === "darwin") return { before: ["-bundle", "-undefined", "dynamic_lookup"], after: [] };
  return { before: ["-shared", "-s", "-Wl,-z,lazy"], after: [`-L${engineLibraries()}`, "-l:libggml-base.so"] };
}
