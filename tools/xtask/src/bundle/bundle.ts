// Bundles a program's modules into few files: one for each entry, and one for each dynamically imported module.
import { realpathSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, extname, join, relative, sep } from "node:path";
import { build, type BuildResult, type Loader, type Plugin } from "esbuild";
import type { PlaceOf } from "./places.ts";
import type { LibraryEntry, Program } from "./programs.ts";

export interface BundleOptions {
  /** The root folder of the repository. */
  readonly root: string;
  /** The root folder of the build. `placeOf` gives the path of each entry's file below it. */
  readonly outFolder: string;
  readonly program: Program;
  readonly placeOf: PlaceOf;
  /** Whether to write a source map next to each file, for developers. */
  readonly sourceMaps?: boolean;
  /** Paths in the build for bare names of the engine's packages. Names that are not in the map stay unchanged. */
  readonly placed?: ReadonlyMap<string, string>;
}

/** The oldest supported Node version. */
const target = "node20.19";

/** The engine's packages hold native code, one package for each kind of machine, so they are not bundled but found at run time. */
const enginePackages = /^@node-llama-cpp\//;
/** Packages that are never loaded: only a downloader that we do not use would load this native code, which clones files. */
const unused = ["@reflink/*"];

/** Defines `require`, which ES modules do not have: bundled CommonJS modules load Node's modules with `require`. */
const banner =
  'import { createRequire as createRequireOfBundle } from "node:module";\nconst require = createRequireOfBundle(import.meta.url);';

/**
 * Modules may find their location only by `import.meta.url`, and the bundle must keep the folder that a module has without bundling.
 * @returns the bundled source files, relative to the repository's root
 * @throws Error when something cannot be resolved
 */
export async function bundle(options: BundleOptions): Promise<readonly string[]> {
  const sources = new Set<string>();
  for (const folder of foldersOf(options)) {
    const result = await bundleInto(folder, options);
    for (const source of Object.keys(result.metafile?.inputs ?? {})) sources.add(source);
  }
  return [...sources];
}

interface OutputFolder {
  readonly path: string;
  /** Path of the source of each file in the folder, by the file's name. */
  readonly entries: Readonly<Record<string, string>>;
}

/** Bundles each folder separately, so that chunks are next to their entries and `import.meta.url` is right in every file. */
function foldersOf({ root, outFolder, program, placeOf }: BundleOptions): readonly OutputFolder[] {
  const folders = new Map<string, Record<string, string>>();
  for (const entry of program.entries) {
    const place = join(outFolder, placeOf(`${program.folder}/src/${entry}.ts`));
    const entries = folders.get(dirname(place)) ?? {};
    entries[basename(place, extname(place))] = join(root, program.folder, "src", `${entry}.ts`);
    folders.set(dirname(place), entries);
  }
  // A process of a library is small. It shares no chunk with the program, because a shared chunk would contain the whole library.
  const ofLibraries = (program.libraryEntries ?? []).map((entry) => ({
    path: join(outFolder, entry.folder),
    entries: { [basename(entry.module, ".js")]: libraryModule(root, entry) },
  }));
  return [...Array.from(folders, ([path, entries]) => ({ path, entries })), ...ofLibraries];
}

function libraryModule(root: string, { of, library, module }: LibraryEntry): string {
  const main = createRequire(join(root, of, "package.json")).resolve(library);
  return realpathSync(join(dirname(main), module));
}

async function bundleInto({ path, entries }: OutputFolder, options: BundleOptions): Promise<BuildResult> {
  return await build({
    entryPoints: { ...entries },
    outdir: path,
    absWorkingDir: options.root,
    bundle: true,
    // A dynamically imported module is a separate file, so that the program loads the module only when needed.
    splitting: true,
    chunkNames: "[name]-[hash]",
    platform: "node",
    format: "esm",
    target,
    banner: { js: banner },
    // WebAssembly becomes part of the bundle: so it needs no path.
    loader: { ".wasm": "binary" },
    sourcemap: options.sourceMaps === true ? "linked" : false,
    legalComments: "none",
    metafile: true,
    // esbuild throws errors, so it need not print them.
    logLevel: "silent",
    external: unused,
    plugins: [engineFinder(path, options), whereabouts(path, options)],
  });
}

/** Resolves the names of the engine's packages to the paths in `placed` or, within the repository, to the installed packages. */
function engineFinder(from: string, { outFolder, placed }: BundleOptions): Plugin {
  return {
    name: "engine-finder",
    setup(plugin) {
      plugin.onResolve({ filter: enginePackages }, async ({ path, pluginData, ...args }) => {
        if (pluginData === enginePackages) return undefined;
        const place = placed?.get(path);
        if (place !== undefined) return { path: urlFrom(from, join(outFolder, place)), external: true };
        if (placed !== undefined) return { path, external: true };
        const { resolveDir, importer, kind, namespace } = args;
        const found = await plugin.resolve(path, { resolveDir, importer, kind, namespace, pluginData: enginePackages });
        return { path: found.errors.length === 0 ? urlFrom(from, found.path) : path, external: true };
      });
    },
  };
}

function whereabouts(from: string, { root, outFolder, placeOf, program }: BundleOptions): Plugin {
  const ofLibraries = new Map(
    program.libraryEntries?.map((entry) => [
      libraryModule(root, entry),
      join(outFolder, entry.folder, basename(entry.module)),
    ]),
  );
  return {
    name: "whereabouts",
    setup(plugin) {
      plugin.onLoad({ filter: /\.(?:m?js|ts)$/ }, async ({ path }) => {
        const text = await readFile(path, "utf8");
        if (!text.includes("import.meta")) return undefined;
        const place = urlFrom(from, ofLibraries.get(path) ?? join(outFolder, placeOf(relative(root, path))));
        const contents = text.replaceAll("import.meta.url", `new URL(${JSON.stringify(place)}, import.meta.url).href`);
        return { contents, loader: loaders[extname(path)] ?? "js" };
      });
    },
  };
}

const loaders: Readonly<Record<string, Loader>> = { ".ts": "ts" };

/** The URL of the path, relative to the folder of the bundled file. */
function urlFrom(folder: string, path: string): string {
  const url = encodeURI(relative(folder, path).split(sep).join("/")).replaceAll(/[?#]/g, encodeURIComponent);
  return url.startsWith(".") ? url : `./${url}`;
}
