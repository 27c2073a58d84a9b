// Owns the commands pack and pack:check: their options, what they print and their exit codes.
import { readdirSync, statSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { guarded, repositoryPath } from "@waggle/testing/harness";
import type { Command } from "commander";
import { checkPackage } from "../lib/pack/check-package.ts";
import { makePackageTree, type EngineSource } from "../lib/pack/package-tree.ts";
import { bytesIn, makeTarball, type Tarball } from "../lib/pack/tarball.ts";

interface PackFlags {
  readonly out: string;
  readonly engine: EngineSource;
}

const defaultOut = ".waggle/packages";
const bytesPerMb = 1_000_000;
const stepWidth = 28;

export function addPack(command: Command): void {
  command
    .option("--out <folder>", "folder for the tarball", repositoryPath(defaultOut))
    .option(
      "--engine <source>",
      "bundled: contains this machine's engine, installs offline; registry: npm installs the engine",
      "bundled",
    )
    .action(async (flags: PackFlags) => void (await pack(flags)));
}

export function addPackCheck(command: Command): void {
  command.option("--tarball <file>", "tarball to check (default: pack a new one)").action(packCheck);
}

async function pack({ out, engine }: PackFlags): Promise<Tarball> {
  if (engine !== "bundled" && engine !== "registry") throw new Error(`Cannot pack with --engine ${String(engine)}`);
  const tree = repositoryPath(".waggle/package-tree");
  const suffix = engine === "bundled" ? `${process.platform}-${process.arch}` : "any";
  await makePackageTree(tree, engine);
  const tarball = await makeTarball(tree, resolve(out), suffix);
  process.stdout.write(reportOf(tarball, tree));
  return tarball;
}

async function packCheck(flags: { readonly tarball?: string }): Promise<void> {
  await guarded(
    "pack:check",
    async (groups, { signal }) => {
      const packed = flags.tarball ?? (await pack({ out: repositoryPath(defaultOut), engine: "bundled" })).path;
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

function reportOf({ path, bytes, unpackedBytes, files }: Tarball, tree: string): string {
  const parts = readdirSync(tree, { recursive: true, encoding: "utf8" })
    .filter((name) => name.split(sep).length <= 2 && statSync(join(tree, name)).isDirectory())
    .map((name) => `  ${name.padEnd(34)}${mb(bytesIn(join(tree, name)))}`);
  return [
    `${relative(process.cwd(), path)}: ${mb(bytes)}, installed ${mb(unpackedBytes)} in ${files} files`,
    ...parts.toSorted(),
    "",
  ].join("\n");
}

function mb(bytes: number): string {
  return `${(bytes / bytesPerMb).toFixed(1)} MB`;
}
