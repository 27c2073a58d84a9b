// Owns the commands `pack` and `check package`: their options, what they print and their exit codes.
import { relative, resolve } from "node:path";
import { formatBytes } from "@waggle/daemon/terminal";
import { guarded, repositoryPath, showProgress } from "@waggle/testing/harness";
import type { Command } from "commander";
import { addonNames, addonsFolder, hasAddon } from "../lib/build/addon-file.ts";
import { buildAddon } from "../lib/build/build-addon.ts";
import { ToolchainError } from "../lib/build/toolchain.ts";
import { checkPackage } from "../lib/pack/check-package.ts";
import { makeClientPackage } from "../lib/pack/client-package.ts";
import { makePackageTree, type EngineSource } from "../lib/pack/package-tree.ts";
import { makeTarball, type Tarball } from "../lib/pack/tarball.ts";

interface PackFlags {
  readonly out: string;
  readonly engine: EngineSource;
  readonly addons?: string;
  readonly clientOnly?: boolean;
}

const defaultOut = ".waggle/packages";
const stepWidth = 28;

export function addPack(command: Command): void {
  command
    .option("--out <folder>", "folder for the tarball", repositoryPath(defaultOut))
    .option(
      "--engine <source>",
      "bundled: contains this machine's engine, installs offline; registry: npm installs the engine",
      "bundled",
    )
    .option("--addons <folder>", "addons of several platforms (default: compile this machine's)")
    .option("--client-only", "pack only the client's package, which needs no build")
    .action(packOnly);
}

export function addCheckPackage(command: Command): void {
  command.option("--tarball <file>", "tarball to check (default: pack a new one)").action(checkPacked);
}

async function packOnly(flags: PackFlags): Promise<void> {
  await guarded(
    "pack",
    async (_, { signal }) => void (flags.clientOnly === true ? await packClient(flags.out) : await pack(flags, signal)),
    () => 1,
  );
}

async function pack({ out, engine, addons }: PackFlags, signal: AbortSignal): Promise<Tarball> {
  if (engine !== "bundled" && engine !== "registry") throw new Error(`Cannot pack with --engine ${String(engine)}`);
  const tree = repositoryPath(".waggle/package-tree");
  const suffix = engine === "bundled" ? `${process.platform}-${process.arch}` : "any";
  if (addons === undefined && hasAddon()) {
    process.stdout.write("This takes minutes where a C++ compiler builds the addons, and half a minute otherwise.\n");
    await buildOwnAddons(signal);
  }
  const options = { engine, addons: resolve(addons ?? repositoryPath(addonsFolder)) };
  const machines = await timed("Copy and bundle", () => makePackageTree(tree, options));
  const tarball = await timed("Pack", () => makeTarball(tree, resolve(out), suffix));
  process.stdout.write(reportOf(tarball, machines));
  await packClient(out);
  return tarball;
}

async function packClient(out: string): Promise<void> {
  const tree = repositoryPath(".waggle/client-tree");
  await makeClientPackage(tree);
  process.stdout.write(reportOf(await makeTarball(tree, resolve(out))));
}

/** Runs a step. A terminal shows its progress and its seconds meanwhile; another output gets a line before and after. */
async function timed<T>(name: string, work: (show: (progress: string) => void) => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const seconds = (): string => `${((performance.now() - startedAt) / 1_000).toFixed(0)} s`;
  let progress = "";
  const show = (): void => showProgress(`  ${name.padEnd(stepWidth)}${seconds()}${progress}`);
  if (!process.stderr.isTTY) process.stdout.write(`  ${name} …\n`);
  show();
  const ticking = setInterval(show, 1_000);
  try {
    return await work((news) => {
      progress = news;
      show();
    });
  } finally {
    clearInterval(ticking);
    showProgress("");
    process.stdout.write(`  ${name.padEnd(stepWidth)}${seconds()}\n`);
  }
}

/** Without a compiler, the tarball has no addons. */
async function buildOwnAddons(signal: AbortSignal): Promise<void> {
  try {
    for (const name of addonNames) {
      await timed(`Addon ${name}`, (show) => {
        const onProgress = (share: number): void => show(`, ${(share * 100).toFixed(0)} % is compiled`);
        return buildAddon({ name, onProgress, signal });
      });
    }
  } catch (error) {
    if (!(error instanceof ToolchainError)) throw error;
    process.stderr.write(`${error.message}\n`);
  }
}

async function checkPacked(flags: { readonly tarball?: string }): Promise<void> {
  await guarded(
    "check package",
    async (groups, { signal }) => {
      const packed = flags.tarball ?? (await pack({ out: repositoryPath(defaultOut), engine: "bundled" }, signal)).path;
      const onStep = (name: string, result: string): void => {
        process.stdout.write(`  ${name.padEnd(stepWidth)}${result}\n`);
      };
      const problems = await checkPackage({ tarball: resolve(packed), groups, signal, onStep });
      for (const problem of problems) process.stdout.write(`  ✗ ${problem}\n`);
      process.stdout.write(problems.length === 0 ? "PASSED\n" : "FAILED\n");
      if (problems.length > 0) process.exitCode = 1;
    },
    () => 1,
  );
}

function reportOf({ path, bytes, unpackedBytes, files, sha256 }: Tarball, machines?: readonly string[]): string {
  const none = "for no platform: workers use node-llama-cpp's own binding, which is slower";
  return [
    relative(process.cwd(), path),
    `  size     ${formatBytes(bytes)}, installed ${formatBytes(unpackedBytes)} in ${files} files`,
    ...(machines === undefined ? [] : [`  addons   ${machines.join(", ") || none}`]),
    `  SHA-256  ${sha256}`,
    "",
  ].join("\n");
}
