// Owns the command line of the repository's tools: runs the commands of a table, and reports a failure in one line and by an exit code.
import { Command, CommanderError } from "commander";
import { complaint, sentence, usageProblem } from "@waggle/daemon/terminal";
import { errorText } from "../error-text.ts";
import { OptionError } from "./options.ts";

export interface CommandRow {
  /** Description in the list of commands. */
  readonly what: string;
  /** Imports the command's module. Called only when this command runs, so that no command loads the modules of the others. Absent when only its parts run. */
  readonly load?: () => Promise<AddOptions>;
  /** Commands below this one. */
  readonly parts?: Readonly<Record<string, CommandRow>>;
}

/** Gives the command its options and its action. */
export type AddOptions = (command: Command) => void;

export interface CommandTable {
  readonly name: string;
  readonly what: string;
  readonly commands: Readonly<Record<string, CommandRow>>;
}

const failedCode = 1;
/** Exit code for a wrong command line: EX_USAGE of sysexits.h. */
const usageCode = 64;

export async function runCommandLine(table: CommandTable): Promise<void> {
  // The reader has closed the pipe, as `head` does in `xtask … | head`. The exit also ends the children.
  process.stdout.on("error", () => process.exit(failedCode));
  const program = new Command(table.name)
    .description(table.what)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  addCommands(program, table.commands);
  const [typed, next] = process.argv.slice(2);
  const command = program.commands.find((one) => one.name() === typed);
  const part = command?.commands.find((one) => one.name() === next);
  try {
    if ((command?.commands.length ?? 0) > 0 && part === undefined && /^\w/.test(next ?? ""))
      throw new OptionError(`Unknown command '${typed} ${next}'`);
    const row = table.commands[command?.name() ?? ""];
    if (command !== undefined) await addOptions(command, row, table.name);
    if (part !== undefined) await addOptions(part, row?.parts?.[part.name()], `${table.name} ${typed}`);
    await program.parseAsync(typed === undefined ? [...process.argv, "--help"] : process.argv);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) process.exit(0);
    fail(error, table.name, part ?? command);
  }
}

function addCommands(parent: Command, rows: Readonly<Record<string, CommandRow>>): void {
  for (const [name, { what, parts = {} }] of Object.entries(rows))
    addCommands(parent.command(name).description(what), parts);
}

async function addOptions(command: Command, row: CommandRow | undefined, name: string): Promise<void> {
  // A terminal shows a message, because loading from source takes seconds on a slow machine.
  const watched = process.stderr.isTTY;
  if (watched) process.stderr.write(`  … Loading ${name} ${command.name()}`);
  const add = await row?.load?.();
  if (watched) process.stderr.write("\r\u001B[2K");
  add?.(command);
}

function fail(error: unknown, name: string, command: Command | undefined): void {
  const usage = error instanceof CommanderError || error instanceof OptionError;
  const message = error instanceof CommanderError ? usageProblem(error, command) : sentence(errorText(error));
  const help = command === undefined ? `${name} --help lists the commands` : `${pathOf(command)} --help says more`;
  process.stderr.write(complaint(name, usage ? `${message} (${help}.)` : message));
  process.exitCode = usage ? usageCode : failedCode;
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}
