// Makes the folder to pack: the bundled programs and threads, and the files that the programs read, at the paths that they expect. Decision 088.
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { bundle, librariesFolder, placeInPackage, programs, threads, type Program } from "../../bundle/index.ts";
import { repositoryPath } from "@waggle/testing/harness";
import { addonFile, addonNames, addonsFolder } from "../build/addon-file.ts";
import { engineBinaries, engineBinaryFolder, engineBinaryFor } from "../build/engine-binary.ts";
import { findEnginePackage } from "../build/engine-package.ts";
import { packageManifest } from "./manifest.ts";
import {
  findInstalled,
  llamaCppNotice,
  noticeOf,
  noticesText,
  packageFoldersOf,
  photonCratesNotice,
  withDependencies,
  type Notice,
} from "./notices.ts";

/** `bundled`: the tarball contains the engine for this kind of machine. `registry`: npm installs the engine. */
export type EngineSource = "bundled" | "registry";

export interface PackageTreeOptions {
  readonly engine: EngineSource;
  /** Contains the addon for each kind of machine, as `addonFile` names them. */
  readonly addons: string;
}

interface RootManifest {
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly engines: { readonly node: string };
}

/** Data files that node-llama-cpp reads from its package. */
const engineFiles = ["package.json", "LICENSE", "llama/binariesGithubRelease.json", "llama/llama.cpp.info.json"];
/** Build tools of the pages. The built pages do not contain code of these tools, so they need no notice. */
const pageTools = ["vite"];
const executable = 0o755;

/**
 * Deletes the content of this folder, and makes the package in the folder.
 * @returns the kinds of machines whose addon is in the package; on others, workers use the library's own binding
 * @throws Error when a part is missing, such as the built pages
 */
export async function makePackageTree(
  folder: string,
  { engine, addons }: PackageTreeOptions,
): Promise<readonly string[]> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const binary = engineBinaryFor(process.platform, process.arch);
  const sources = await bundleAll(folder, engine === "bundled" ? binary.name : undefined);
  for (const program of programs) copyProgramFiles(folder, program);
  copy(folder, "apps/pages/dist");
  copy(folder, "models/waggle-tiny-stories.gguf");
  copy(folder, "models/README.md");
  copy(folder, "LICENSE");
  copyFileSync(repositoryPath("packaging/npm/README.md"), join(folder, "README.md"));
  const { folder: library, version: engineVersion } = findEnginePackage();
  for (const file of engineFiles) copyFrom(library, join(folder, librariesFolder, "node-llama-cpp"), file);
  if (engine === "bundled") {
    cpSync(engineBinaryFolder(binary.name), join(folder, librariesFolder, binary.name), { recursive: true });
  }
  const kinds = engine === "bundled" ? [binary.kind] : engineBinaries.map(({ kind }) => kind);
  const files = kinds
    .flatMap(({ os, cpu }) => addonNames.map((name) => addonFile(name, os, cpu)))
    .filter((file) => existsSync(join(addons, file)));
  for (const file of files) copyFrom(addons, join(folder, addonsFolder), file);
  writeFileSync(join(folder, "THIRD-PARTY-NOTICES"), noticesText(allNotices(sources)));
  const { version, description, license, engines } = readJson<RootManifest>(repositoryPath("package.json"));
  const manifest = packageManifest({
    ...{ version, description, license, programs },
    nodeRange: engines.node,
    kind: engine === "bundled" ? binary.kind : undefined,
    engineVersion,
    files: ["apps", "packages", librariesFolder, "models", "THIRD-PARTY-NOTICES"],
  });
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  return [...new Set(files.map((file) => dirname(file)))];
}

async function bundleAll(outFolder: string, engineBinary: string | undefined): Promise<readonly string[]> {
  const placed = new Map(
    engineBinary === undefined ? [] : [[engineBinary, `${librariesFolder}/${engineBinary}/dist/index.js`]],
  );
  const sources: string[] = [];
  for (const program of [...programs, ...threads]) {
    const options = { root: repositoryPath(""), outFolder, program, placeOf: placeInPackage, placed };
    sources.push(...(await bundle(options)));
  }
  return sources;
}

/** Copies package.json as well: the program reads its version there, and Node needs it to load the files as ES modules. */
function copyProgramFiles(outFolder: string, { folder, bin }: Program): void {
  const { name, version } = readJson<{ name: string; version: string }>(repositoryPath(`${folder}/package.json`));
  const manifest = { name, version, private: true, type: "module" };
  writeFileSync(join(outFolder, folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  if (bin === undefined) return;
  copy(outFolder, `${folder}/${bin.file}`);
  chmodSync(join(outFolder, folder, bin.file), executable);
}

function allNotices(sources: readonly string[]): readonly Notice[] {
  const root = repositoryPath("");
  const chat = repositoryPath("apps/pages");
  const { devDependencies } = readJson<{ devDependencies: Record<string, string> }>(join(chat, "package.json"));
  const ofPages = Object.keys(devDependencies).filter(
    (name) => !name.startsWith("@waggle/") && !pageTools.includes(name),
  );
  const folders = new Set(packageFoldersOf(root, sources));
  for (const name of ofPages) for (const one of withDependencies(findInstalled(chat, name))) folders.add(one);
  const { folder: library, release } = findEnginePackage();
  // Its headers are compiled into the addon.
  folders.add(findInstalled(library, "node-addon-api"));
  const photon = findInstalled(repositoryPath("packages/pictures"), "@cf-wasm/photon");
  return [...Array.from(folders, noticeOf), photonCratesNotice(photon), llamaCppNotice(library, release)];
}

/** @throws Error for a missing file, with the command that makes it */
function copy(outFolder: string, path: string): void {
  if (!existsSync(repositoryPath(path))) throw new Error(`Cannot pack ${path}: it is missing; pnpm build makes it`);
  copyFrom(repositoryPath(""), outFolder, path);
}

function copyFrom(from: string, to: string, path: string): void {
  mkdirSync(dirname(join(to, path)), { recursive: true });
  cpSync(join(from, path), join(to, path), { recursive: true });
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, "utf8")) as T;
}
