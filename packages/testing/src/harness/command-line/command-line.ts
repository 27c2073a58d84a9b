// Owns the command line of the repository's own tools: a table of commands becomes a program, and a failure becomes one line and an exit code.
import { Command, CommanderError } from "commander";
import { OptionError } from "./options.ts";

export interface CommandRow {
  /** In the list of commands. */
  readonly what: string;
  /** Only the command that runs is loaded, so that its first word comes early. */
  readonly load: () => Promise<AddOptions>;
}

/** Gives the command its options and its action. */
export type AddOptions = (command: Command) => void;

export interface CommandTable {
  readonly name: string;
  readonly what: string;
  readonly commands: Readonly<Record<string, CommandRow>>;
}

/** After sysexits.h, as all programs have it: a wrong command line is EX_USAGE. */
const failedCode = 1;
const usageCode = 64;

export async function runCommandLine(table: CommandTable): Promise<void> {
  // The reader of the output has closed it (`xtask … | head`): this process ends, and its children with it.
  process.stdout.on("error", () => process.exit(failedCode));
  const program = new Command(table.name)
    .description(table.what)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  for (const [name, { what }] of Object.entries(table.commands)) program.command(name).description(what);
  const typed = process.argv[2] ?? "";
  const command = program.commands.find((one) => one.name() === typed);
  try {
    if (command !== undefined) await addOptions(command, table);
    await program.parseAsync(typed === "" ? [...process.argv, "--help"] : process.argv);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) process.exit(0);
    fail(error, table.name, command);
  }
}

async function addOptions(command: Command, { name, commands }: CommandTable): Promise<void> {
  // Loading from source takes seconds on a slow machine.
  const watched = process.stderr.isTTY;
  if (watched) process.stderr.write(`  … Loading ${name} ${command.name()}`);
  const add = await commands[command.name()]?.load();
  if (watched) process.stderr.write("\r\u001B[2K");
  add?.(command);
}

function fail(error: unknown, name: string, command: Command | undefined): void {
  const usage = error instanceof CommanderError || error instanceof OptionError;
  const message = (error instanceof Error ? error.message : String(error))
    .replace(/^error: /, "")
    .replaceAll("\n", " ");
  const sentence = message.charAt(0).toUpperCase() + message.slice(1) + (/[.!?…][)"]?$/.test(message) ? "" : ".");
  const help =
    command === undefined ? `${name} --help lists the commands` : `${name} ${command.name()} --help says more`;
  process.stderr.write(`${name}: ${sentence}${usage ? ` (${help}.)` : ""}\n`);
  process.exitCode = usage ? usageCode : failedCode;
}
