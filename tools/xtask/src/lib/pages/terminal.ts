// Runs one block of a page in bash, until the block ends or prints a text. Ends a running block with Ctrl-C.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deferred, inBackground } from "@waggle/async";
import { killGroup, poll, waitFor } from "@waggle/testing/harness";
import { plain } from "./expected.ts";

export interface BlockPlace {
  /** The environment of the first block. Later blocks also get the variables that earlier blocks have exported. */
  readonly env: NodeJS.ProcessEnv;
  /** The folder in which the first block starts. Each later block starts in the folder in which the block before it ended. */
  readonly folder: string;
  /** Folder for the state that passes from block to block; the reader does not see this folder. */
  readonly stateFolder: string;
  /** Called with the id of every process group that is started. */
  readonly onLeader: (pid: number) => void;
}

export interface Terminal {
  readonly pid: number;
  /** The output so far, stdout and stderr together. */
  output(): string;
  /** The exit code; undefined after a signal. */
  readonly exited: Promise<number | undefined>;
  /** Sends keys to the block's terminal. */
  press(keys: string): void;
}

/** Limit for the kept output, for a program that never stops writing. */
const mostOutputChars = 1_000_000;
const leaveLimitMs = 20_000;

/** The character that Ctrl-C sends. */
const interruptKey = "\u0003";

/** @param typed input for a block with a terminal, as blocks in the background have; undefined: no terminal and no input */
export function openTerminal(block: string, place: BlockPlace, typed?: string): Terminal {
  const { env, stateFolder, onLeader } = place;
  const state = (name: string): string => join(stateFolder, name);
  writeFileSync(state("block.sh"), block);
  // A block in a separate terminal does not change the folder and variables of the reader's first terminal.
  const keepsState = typed === undefined;
  // A block stops at its first failed command, because a reader would stop there.
  const outer = [
    ...(keepsState ? [`trap 'export -p >"${state("exports")}"; pwd >"${state("folder")}"' EXIT`] : []),
    existsSync(state("exports")) ? `. "${state("exports")}"` : "true",
    // Set the size of the terminal, because a terminal without a window has no size.
    ...(typed === undefined ? [] : ["stty cols 100 rows 40"]),
    "set -e",
    `. "${state("block.sh")}"`,
  ];
  const bash = ["--noprofile", "--norc", "-c", outer.join("\n")];
  const cwd = folderOf(place);
  const words =
    typed === undefined
      ? ["bash", ...bash]
      : ["script", "-qefc", `exec ${["bash", ...bash].map(quoted).join(" ")}`, "/dev/null"];
  const [file, ...args] = words as [string, ...string[]];
  const child = spawn(file, args, { cwd, env, detached: true, stdio: ["pipe", "pipe", "pipe"] });
  const { promise: exited, resolve } = deferred<number | undefined>();
  let printed = "";
  const append = (chunk: Buffer): void => void (printed = (printed + chunk.toString("utf8")).slice(-mostOutputChars));
  child.stdout.on("data", append);
  child.stderr.on("data", append);
  child.once("error", (error) => {
    append(Buffer.from(error.message));
    resolve(undefined);
  });
  child.once("exit", (code) => resolve(code ?? undefined));
  child.stdin.on("error", () => {});
  if (typed === undefined) child.stdin.end();
  else if (typed !== "") child.stdin.write(typed);
  const pid = child.pid ?? 0;
  if (pid > 0) onLeader(pid);
  return { pid, exited, output: () => plain(printed), press: (keys) => void child.stdin.write(keys) };
}

/** @throws Error with the last output when the block fails or exceeds the limit */
export async function toItsEnd(terminal: Terminal, dueExit: number, limitMs: number): Promise<string> {
  const code = await waitFor("the end of this block", terminal.exited, limitMs).catch((error: unknown) => {
    killGroup(terminal.pid);
    throw withOutput(error as Error, terminal);
  });
  if (code !== dueExit) throw withOutput(new Error(`Exit code ${code ?? "none"}, not ${dueExit}`), terminal);
  return terminal.output();
}

/** @throws Error when the block ends before it prints the text, or exceeds the limit */
export async function untilItSays(terminal: Terminal, text: string, limitMs: number): Promise<string> {
  let ended = false;
  const done = terminal.exited.then(() => (ended = true));
  inBackground("note the end", done);
  const says = (): boolean => terminal.output().includes(text);
  await poll(`"${text}"`, () => says() || ended, limitMs).catch((error: unknown) => {
    throw withOutput(error as Error, terminal);
  });
  if (!says()) throw withOutput(new Error(`The block ended without printing "${text}"`), terminal);
  return terminal.output();
}

/** Presses Ctrl-C. @throws Error when the program does not exit, or exits with an error */
export async function interrupt(terminal: Terminal): Promise<void> {
  terminal.press(interruptKey);
  const code = await waitFor("the exit after Ctrl-C", terminal.exited, leaveLimitMs).catch((error: unknown) => {
    throw withOutput(error as Error, terminal);
  });
  // 130 is the shell's exit code for a program that does not handle SIGINT.
  if (code !== 0 && code !== 130 && code !== undefined)
    throw withOutput(new Error(`Exit code ${code} after Ctrl-C`), terminal);
}

/** The reader's present folder. */
export function folderOf({ folder, stateFolder }: BlockPlace): string {
  const gone = join(stateFolder, "folder");
  return existsSync(gone) ? readFileSync(gone, "utf8").trimEnd() : folder;
}

const shownChars = 1_500;

function withOutput(error: Error, terminal: Terminal): Error {
  const output = terminal.output().trimEnd();
  return new Error(output === "" ? error.message : `${error.message}\n${output.slice(-shownChars)}`, { cause: error });
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
