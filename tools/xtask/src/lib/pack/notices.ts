// Makes the file THIRD-PARTY-NOTICES: the packages whose code is in the tarball, with their licences.
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { openLlamaSource } from "../build/llama-source.ts";

export interface Notice {
  readonly name: string;
  readonly version: string;
  /** The licence as an SPDX expression. */
  readonly license: string;
  /** The text of the licence; empty if the package only names its licence. */
  readonly text: string;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Returns the folders of the packages that contain these files. */
export function packageFoldersOf(root: string, files: readonly string[]): readonly string[] {
  const folders = files.map((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0]);
  return [...new Set(folders.filter((folder) => folder !== undefined))].map((folder) => join(root, folder));
}

/** Returns the folders of a package and of all its dependencies. @throws Error when one of them is not installed */
export function withDependencies(folder: string, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(folder)) return seen;
  seen.add(folder);
  for (const name of Object.keys(manifestOf(folder).dependencies ?? {})) {
    withDependencies(findInstalled(folder, name), seen);
  }
  return seen;
}

/** Finds the folder of a package as Node does. */
export function findInstalled(folder: string, name: string): string {
  for (let at = folder; at !== dirname(at); at = dirname(at)) {
    const candidate = join(at, "node_modules", name);
    if (existsSync(join(candidate, "package.json"))) return realpathSync(candidate);
  }
  throw new Error(`Cannot find the licence of ${name}: the package is not installed`);
}

/** Reads the licence of a package. @throws Error when the package names no licence */
export function noticeOf(folder: string): Notice {
  const { name, version, license } = manifestOf(folder);
  if (license === undefined) throw new Error(`Cannot pack ${name}: it names no licence`);
  const texts = licenceFiles(folder).map((file) => readFileSync(join(folder, file), "utf8").trim());
  return { name, version, license, text: texts.join("\n\n") };
}

/** In all folders of a package: code that is compiled into it may have other licences. The package's licence comes first. */
function licenceFiles(folder: string): readonly string[] {
  const isLicence = /(?:^|[/\\])(?:licen[cs]e|notice|copying)[^/\\]*$/i;
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const own = files.filter((file) => isLicence.test(file) && !/(?:^|[/\\])node_modules[/\\]/.test(file));
  const depth = (file: string): number => file.split(/[/\\]/).length;
  return own.toSorted().toSorted((a, b) => depth(a) - depth(b));
}

/** The notice of the Rust crates in Photon, whose package has only its own licence. */
export function photonCratesNotice(photonFolder: string): Notice {
  return {
    name: "Rust crates in @cf-wasm/photon",
    version: manifestOf(photonFolder).version,
    license: "MIT or Apache-2.0; some only MIT, some only Apache-2.0",
    text: readFileSync(new URL("photon-crates.txt", import.meta.url), "utf8").trim(),
  };
}

/** The notice of llama.cpp and the code compiled into it. @throws Error without git */
export function llamaCppNotice(enginePackageFolder: string, version: string): Notice {
  using source = openLlamaSource(enginePackageFolder);
  const files = source.git("ls-tree", "-r", "--name-only", "HEAD").split("\n");
  const licences = files.filter((file) => /^(LICENSE|licenses\/.+|vendor\/.*\/LICENSE[^/]*)$/.test(file));
  const texts = licences.map((file) => `(${file})\n\n${source.git("show", `HEAD:${file}`).trim()}`);
  return {
    name: "llama.cpp",
    version,
    license: "MIT, and other licences for parts of the code",
    text: texts.join("\n\n"),
  };
}

export function noticesText(notices: readonly Notice[]): string {
  const known = new Map(notices.map((notice) => [`${notice.name} ${notice.version}`, notice]));
  const sorted = [...known].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, notice]) => notice);
  const line = "=".repeat(80);
  const parts = sorted.map(
    ({ name, version, license, text }) => `${line}\n${name} ${version}\nLicence: ${license}\n\n${text}`,
  );
  return `Waggle contains the following third-party software.\n\n${parts.join("\n\n")}\n`;
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}
