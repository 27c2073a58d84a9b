// Owns the command `check docs`: selects the pages, prepares a new reader's machine, runs the pages, and sets the exit code.
import { copyFileSync, cpSync, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { guarded, namedOf, repositoryPath } from "@waggle/testing/harness";
import type { Command as Program } from "commander";
import { addonsFolder } from "../lib/build/addon-file.ts";
import { killFamilies } from "../lib/pages/kill-families.ts";
import { listPages, readme, type Page } from "../lib/pages/list-pages.ts";
import { createNewcomer, type Newcomer } from "../lib/pages/newcomer.ts";
import { runPage, type Outcome, type StepResult } from "../lib/pages/run-page.ts";
import type { BlockPlace } from "../lib/pages/terminal.ts";

interface Flags {
  readonly only?: readonly string[];
  readonly tarball?: string;
}

const packagesFolder = ".waggle/packages";

export function addCheckDocs(command: Program): void {
  command
    .option(
      "--only <page...>",
      `check only these pages: ${listPages()
        .map(({ name }) => name)
        .join(", ")}`,
    )
    .option("--tarball <file>", `package to install if readme is not checked (default: newest in ${packagesFolder})`)
    .action(checkDocs);
}

function checkDocs(flags: Flags): Promise<void> {
  return guarded(
    "check docs",
    async (_groups, { signal }) => {
      const chosen = namedOf("Cannot check page", listPages(), flags.only);
      const leaders: number[] = [];
      const end = (): void => killFamilies(leaders.splice(0));
      signal.addEventListener("abort", end);
      using newcomer = await createNewcomer({
        repository: repositoryPath("."),
        onLeader: (pid) => void leaders.push(pid),
      });
      // This handler runs at every kind of exit, for example when the reader of the output closes the pipe.
      process.on("exit", () => {
        end();
        newcomer[Symbol.dispose]();
      });
      if (!chosen.includes(readme)) await install(newcomer, flags.tarball);
      const counts: Record<Outcome, number> = { passed: 0, failed: 0, "not run": 0 };
      for (const page of chosen) {
        process.stdout.write(`\n${page.path}\n`);
        const text = readFileSync(repositoryPath(page.path), "utf8");
        const place = await openPlace(page, newcomer);
        giveClient(text, place.folder);
        await runPage({
          ...{ text, newcomer, place },
          signal,
          onNote: (note) => void process.stdout.write(`  (${note})\n`),
          onResult(result) {
            counts[result.outcome] += 1;
            process.stdout.write(`${lineOf(result)}\n`);
          },
        });
      }
      process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed, ${counts["not run"]} not run here\n`);
      if (counts.failed > 0) process.exitCode = 1;
    },
    () => 1,
  );
}

/** README.md packs in its clone. The addons take minutes to compile, so it gets those of this checkout; pack refuses them if they are of other sources. */
async function openPlace(page: Page, newcomer: Newcomer): Promise<BlockPlace> {
  const place = await newcomer.place(page.name, page === readme);
  if (page === readme && existsSync(repositoryPath(addonsFolder))) {
    cpSync(repositoryPath(addonsFolder), join(place.folder, addonsFolder), { recursive: true });
    process.stdout.write("  (the addons are not compiled: those of this checkout replace them)\n");
  }
  return place;
}

/** Installs the package as the README shows it. @throws Error when no package has been built, or npm fails */
async function install(newcomer: Newcomer, given: string | undefined): Promise<void> {
  const tarball = given === undefined ? newestTarball() : resolve(given);
  process.stdout.write(`Installing ${basename(tarball)} …\n`);
  await newcomer.prepare("npm", ["install", "--global", "--no-audit", "--no-fund", tarball]);
}

/** Puts the client's package into the folder of a page that installs it. @throws Error when no package has been built */
function giveClient(text: string, folder: string): void {
  const [name] = /waggle-client-[\d.]+\.tgz/.exec(text) ?? [];
  if (name === undefined) return;
  const path = join(repositoryPath(packagesFolder), name);
  if (!existsSync(path))
    throw new Error(`Cannot follow quickstarts: there is no ${name} in ${packagesFolder}; run xtask pack`);
  copyFileSync(path, join(folder, name));
}

function newestTarball(): string {
  const folder = repositoryPath(packagesFolder);
  const files = existsSync(folder) ? readdirSync(folder) : [];
  const [newest] = files
    .filter((name) => /^waggle-\d.*\.tgz$/.test(name))
    .map((name) => join(folder, name))
    .toSorted((one, other) => statSync(other).mtimeMs - statSync(one).mtimeMs);
  if (newest === undefined)
    throw new Error(`Cannot follow quickstarts: there is no package in ${packagesFolder}; run build and xtask pack`);
  return newest;
}

const marks: Readonly<Record<Outcome, string>> = { passed: "✓", failed: "✗", "not run": "-" };

function lineOf({ line, what, outcome, reason, seconds }: StepResult): string {
  const place = line === 0 ? "" : `line ${line} `;
  const took = outcome === "not run" ? "" : ` (${seconds.toFixed(1)} s)`;
  return `  ${marks[outcome]} ${place}${what}${took}${reason === undefined ? "" : `\n${whyOf(outcome, reason)}`}`;
}

function whyOf(outcome: Outcome, reason: string): string {
  if (outcome === "failed") return reason.replaceAll(/^/gm, "      ");
  return outcome === "passed" ? `      run with ${reason}` : `      not run here: ${reason}`;
}
