// Owns how a program of many modules becomes few files: each entry is one, and so is what it imports later; nothing is found at a new place.
import { realpathSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, extname, join, relative, sep } from "node:path";
import { build, type BuildResult, type Loader, type Plugin } from "esbuild";
import type { PlaceOf } from "./places.ts";
import type { LibraryEntry, Program } from "./programs.ts";

export interface BundleOptions {
  /** The repository. */
  readonly root: string;
  /** The root of what is built: the entries' files lie below it where `placeOf` says. */
  readonly outFolder: string;
  readonly program: Program;
  readonly placeOf: PlaceOf;
  /** Beside each file; for developers. */
  readonly sourceMaps?: boolean;
  /** Bare names that are imported from a place in what is built; others of the engine's packages keep their names. */
  readonly placed?: ReadonlyMap<string, string>;
}

/** The oldest Node that has to run it. */
const target = "node20.19";

/** The engine's packages hold native code, and another one for each kind of machine: whichever are installed are found when it runs. */
const enginePackages = /^@node-llama-cpp\//;
/** Native code to clone a file within a file system, which a download that we never ask for would use where it is there. */
const unused = ["@reflink/*"];

/** Modules of the old kind ask for Node's own ones by require, which a module of the new kind does not have. */
const banner =
  'import { createRequire as createRequireOfBundle } from "node:module";\nconst require = createRequireOfBundle(import.meta.url);';

/**
 * Only `import.meta.url` may tell a module where it is, and it goes on telling where its own file would be without a bundle.
 * @returns the sources that went in, from the repository's root
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
  /** Sources by the name of the file in it. */
  readonly entries: Readonly<Record<string, string>>;
}

/** Chunks lie beside the entries that they belong to, so each folder is bundled by itself: then every file in it knows where it is. */
function foldersOf({ root, outFolder, program, placeOf }: BundleOptions): readonly OutputFolder[] {
  const folders = new Map<string, Record<string, string>>();
  for (const entry of program.entries) {
    const place = join(outFolder, placeOf(`${program.folder}/src/${entry}.ts`));
    const entries = folders.get(dirname(place)) ?? {};
    entries[basename(place, extname(place))] = join(root, program.folder, "src", `${entry}.ts`);
    folders.set(dirname(place), entries);
  }
  // A library's process is small, and shares no chunk with the program: that would hold all of the library.
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
    // What is imported later stays a file of its own, and costs nothing until then.
    splitting: true,
    chunkNames: "[name]-[hash]",
    platform: "node",
    format: "esm",
    target,
    conditions: ["waggle-source"],
    banner: { js: banner },
    sourcemap: options.sourceMaps === true ? "linked" : false,
    legalComments: "none",
    metafile: true,
    // Errors are thrown.
    logLevel: "silent",
    external: unused,
    plugins: [engineFinder(path, options), whereabouts(path, options)],
  });
}

/** Names of the engine's packages become places: those that are given, and within the repository those that are installed there. */
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

/** A relative URL, as an import has it. */
function urlFrom(folder: string, path: string): string {
  const url = encodeURI(relative(folder, path).split(sep).join("/")).replaceAll(/[?#]/g, encodeURIComponent);
  return url.startsWith(".") ? url : `./${url}`;
}
