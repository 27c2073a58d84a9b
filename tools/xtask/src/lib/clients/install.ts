// Installs the clients with npm, each into a separate folder, together with a Node that is new enough for all of them.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { execa } from "execa";
import type { Client } from "./clients.ts";

/** Some clients need Node 22, but this repository runs on Node 20. */
export const nodePackage = "node@22.23.3";
const nodeBin = "node/node_modules/.bin";
const installLimitMs = 600_000;

export interface InstallOptions {
  readonly folder: string;
  /** Install the latest versions instead of the listed ones. */
  readonly latest: boolean;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** @throws Error with npm's message when npm fails */
export async function installClients(chosen: readonly Client[], options: InstallOptions): Promise<void> {
  const { folder, say } = options;
  await npmInstall([nodePackage], [], join(folder, "node"), process.env, options.signal);
  const installed = new Set<string>();
  for (const client of chosen) {
    const into = join(folder, folderOf(client));
    if (installed.has(into)) continue;
    installed.add(into);
    say(`Installing ${client.packages[0]} …`);
    const [own, ...others] = client.packages;
    const packages = options.latest ? [`${packageName(own)}@latest`, ...others] : client.packages;
    const flags = client.withoutOptional ? ["--omit=optional", "--omit=peer"] : [];
    await npmInstall(packages, flags, into, { ...process.env, PATH: pathOf(folder) }, options.signal);
  }
}

interface Installed {
  readonly program: string;
  readonly version: string;
  /** The folder node_modules. */
  readonly modules: string;
}

/** Returns the path of the client's program and the installed version. @throws Error when the client is not installed */
export function installed(client: Client, folder: string): Installed {
  const modules = join(folder, folderOf(client), "node_modules");
  const manifest = join(modules, packageName(client.packages[0]), "package.json");
  if (!existsSync(manifest)) throw new Error(`Cannot run ${client.title}: it is not installed in ${folder}`);
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { readonly version: string };
  const program = client.program === "node" ? join(folder, nodeBin, "node") : join(modules, ".bin", client.program);
  return { program, version, modules };
}

/** The PATH variable with the folder of the newer Node first, and with the folders of further programs. */
export function pathOf(folder: string, ...more: readonly string[]): string {
  return [join(folder, nodeBin), ...more, process.env["PATH"] ?? ""].join(delimiter);
}

/** Clients of the same packages share a folder. */
function folderOf({ packages }: Client): string {
  return packages
    .map(packageName)
    .join("+")
    .replaceAll(/[^\w+-]/g, "_");
}

/** "@openai/codex@0.169.0" is a version of "@openai/codex". */
export function packageName(specifier: string): string {
  const at = specifier.lastIndexOf("@");
  return at > 0 ? specifier.slice(0, at) : specifier;
}

/** @throws Error with npm's message when npm fails */
export async function npmInstall(
  packages: readonly string[],
  flags: readonly string[],
  folder: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  // Without a manifest in this folder, npm would use a manifest of a parent folder.
  const manifest = join(folder, "package.json");
  if (!existsSync(manifest)) writeFileSync(manifest, "{}\n");
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
  const { failed, stderr, shortMessage } = await execa("npm", ["install", ...quiet, ...flags, ...packages], {
    ...{ cwd: folder, env, extendEnv: false, reject: false, cancelSignal: signal, timeout: installLimitMs },
    stdin: "ignore",
  });
  if (failed) throw new Error(`Cannot install ${packages.join(" ")}: ${stderr || shortMessage}`);
}
