// Makes the folder of the client's package, @waggle/client: one module without dependencies for browsers and Node, its types, and its licences.
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { promisify } from "node:util";
import { repositoryPath } from "@waggle/testing/harness";
import { build } from "esbuild";
import { noticeOf, noticesText, packageFoldersOf } from "./notices.ts";

const entry = "packages/client/src/ask/index.ts";
/** The browsers and the Node that have AbortSignal.any and Object.hasOwn. */
const target = "es2022";
const typesTimeoutMs = 600_000;
/** Types of other packages that the client's types import, with their source. */
const foreignTypes: Readonly<Record<string, string>> = { "@waggle/protocol/errors": "packages/protocol/src/errors.ts" };

export interface ClientBundle {
  readonly code: string;
  /** The bundled source files, relative to the repository's root. */
  readonly sources: readonly string[];
  /** Modules that the code would load at run time. */
  readonly imports: readonly string[];
}

/** The client as one module, as a browser would load it. */
export async function bundleClient(): Promise<ClientBundle> {
  const { outputFiles, metafile } = await build({
    entryPoints: [repositoryPath(entry)],
    absWorkingDir: repositoryPath(""),
    bundle: true,
    write: false,
    platform: "browser",
    format: "esm",
    target,
    external: ["node:*"],
    legalComments: "none",
    metafile: true,
    logLevel: "silent",
  });
  const [output] = Object.values(metafile.outputs);
  // Files that give nothing to the bundle are not in it.
  const sources = Object.entries(output?.inputs ?? {}).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  return {
    code: outputFiles[0]?.text ?? "",
    sources: sources.map(([path]) => path),
    imports: output?.imports.map(({ path }) => path) ?? [],
  };
}

/**
 * Deletes the content of this folder, and makes the package in the folder.
 * @throws Error when the code needs a module that browsers do not have, or a type of another package
 */
export async function makeClientPackage(folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "types"), { recursive: true });
  const { code, sources, imports } = await bundleClient();
  if (imports.length > 0) throw new Error(`Cannot pack the client: it loads ${imports.join(", ")}`);
  writeFileSync(join(folder, "index.js"), code);
  await writeTypes(folder);
  const { version, license, engines } = JSON.parse(readFileSync(repositoryPath("package.json"), "utf8")) as {
    readonly version: string;
    readonly license: string;
    readonly engines: object;
  };
  const manifest = {
    name: "@waggle/client",
    version,
    description: "Ask a Waggle server from a browser or Node: answers resume by themselves.",
    license,
    type: "module",
    sideEffects: false,
    exports: { ".": { types: "./types/index.d.ts", default: "./index.js" } },
    engines,
    files: ["index.js", "types", "THIRD-PARTY-NOTICES"],
  };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  const notices = packageFoldersOf(repositoryPath(""), sources).map(noticeOf);
  writeFileSync(join(folder, "THIRD-PARTY-NOTICES"), noticesText(notices));
  cpSync(repositoryPath("LICENSE"), join(folder, "LICENSE"));
  cpSync(repositoryPath("packaging/client/README.md"), join(folder, "README.md"));
}

/** Writes the types of the entry and of the files that it imports, in one folder. */
async function writeTypes(folder: string): Promise<void> {
  const work = join(folder, "work");
  mkdirSync(work);
  const config = {
    extends: repositoryPath("tsconfig.base.json"),
    compilerOptions: {
      declaration: true,
      emitDeclarationOnly: true,
      outDir: "out",
      rootDir: repositoryPath("packages"),
      typeRoots: [repositoryPath("node_modules/@types")],
    },
    // Types of other packages are written only for files in this list.
    files: [entry, ...Object.values(foreignTypes)].map((path) => repositoryPath(path)),
  };
  writeFileSync(join(work, "tsconfig.json"), JSON.stringify(config));
  await promisify(execFile)(repositoryPath("node_modules/.bin/tsc"), ["-p", work], { timeout: typesTimeoutMs }).catch(
    ({ stdout }: { readonly stdout?: string }) => {
      throw new Error(`Cannot pack the client: tsc cannot write its types\n${stdout}`);
    },
  );
  const written = new Set<string>();
  const copyTypes = (source: string): void => {
    const name = `${basename(source, ".ts")}.d.ts`;
    if (written.has(source)) return;
    written.add(source);
    const declared = readFileSync(
      join(work, "out", source.replace(/^packages\//, "").replace(/\.ts$/, ".d.ts")),
      "utf8",
    );
    const text = declared.replaceAll(/(from |import\()"([^"]+)"/g, (_, before: string, specifier: string) => {
      const target = specifier.startsWith(".")
        ? join(source, "..", specifier.replace(/\.js$/, ".ts"))
        : foreignTypes[specifier];
      if (target === undefined) throw new Error(`Cannot pack the client: its types import ${specifier}`);
      copyTypes(target);
      return `${before}"./${basename(target, ".ts")}.js"`;
    });
    writeFileSync(resolve(folder, "types", name), text);
  };
  copyTypes(entry);
  rmSync(work, { recursive: true });
}
