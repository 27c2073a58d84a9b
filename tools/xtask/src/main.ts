// Owns the command line of xtask: how what was typed becomes a command, and how a failure is told. What the commands do is theirs.
import { Command, CommanderError } from "commander";
import { loadAll, loadOne } from "./command-loaders.ts";
import { OptionError } from "./lib/options.ts";

/** After sysexits.h, as all programs have it: a wrong command line is EX_USAGE. */
const failedCode = 1;
const usageCode = 64;

// Whoever read our output has gone (`xtask … | head`); so do we, and the children with us.
process.stdout.on("error", () => process.exit(failedCode));

const [name = ""] = process.argv.slice(2);
const program = new Command("xtask")
  .description("Runs, tests and checks this repository.")
  .exitOverride()
  .configureOutput({ writeErr: () => {} });
// From source that takes seconds on a slow machine, and nobody should wonder.
const watched = process.stderr.isTTY;
if (watched) process.stderr.write(`  … Loading xtask ${name}`);
const adds = (await loadOne(name)) ?? (await loadAll());
if (watched) process.stderr.write("\r\u001B[2K");
for (const add of adds) add(program);

try {
  await program.parseAsync(process.argv.length > 2 ? process.argv : [...process.argv, "--help"]);
} catch (error) {
  if (error instanceof CommanderError && error.exitCode === 0) process.exit(0);
  fail(error);
}

function fail(error: unknown): void {
  const usage = error instanceof CommanderError || error instanceof OptionError;
  const message = (error instanceof Error ? error.message : String(error))
    .replace(/^error: /, "")
    .replaceAll("\n", " ");
  const sentence = message.charAt(0).toUpperCase() + message.slice(1) + (/[.!?…][)"]?$/.test(message) ? "" : ".");
  const known = program.commands.some((command) => command.name() === name);
  const help = known ? `xtask ${name} --help says more` : "xtask --help lists the commands";
  process.stderr.write(`xtask: ${sentence}${usage ? ` (${help}.)` : ""}\n`);
  process.exitCode = usage ? usageCode : failedCode;
}
