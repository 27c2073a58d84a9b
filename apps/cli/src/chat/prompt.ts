// Reads a chat's messages with Node's line editor. Keys typed during an answer are shown at the next prompt.
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { deferred } from "@waggle/async";
import { printable, type Output } from "@waggle/daemon/terminal";
import { maxEntries, type ChatHistory } from "./history.ts";

/** Bracketed paste: https://invisible-island.net/xterm/ctlseqs/ctlseqs.html, "Bracketed Paste Mode". */
const pasteOn = "\u001b[?2004h";
const pasteOff = "\u001b[?2004l";

export interface TypedMessage {
  readonly text: string;
  /** Aborts at a Ctrl-C before the next prompt. */
  readonly stop: AbortSignal;
}

export interface Prompt {
  /** Returns undefined at Ctrl-D, at two Ctrl-C in a row without typed text, and when the terminal is closed. */
  next(): Promise<TypedMessage | undefined>;
  /** Restores the terminal. */
  close(): void;
}

export interface PromptOptions {
  readonly stdin: NodeJS.ReadStream;
  readonly out: Pick<Output, "columns" | "control" | "style">;
  readonly history: ChatHistory;
}

export function createPrompt({ stdin, out, history }: PromptOptions): Prompt {
  /** Whether the editor shows what is typed. */
  let isOpen = false;
  let pasting = false;
  let closed = false;
  /** Whether the last key was a Ctrl-C without typed text. */
  let interrupted = false;
  /** The lines before the editor's line: of a paste, or lines that ended with a backslash. */
  let begun: string[] = [];
  /** Messages that were typed before their prompt. */
  let ahead: string[] = [];
  let stop = new AbortController();
  let wake = (): void => {};

  const output = new Writable({
    decodeStrings: false,
    write(text: string, _, done) {
      // A terminal may obey these characters of a pasted text.
      if (isOpen) out.control(text.replaceAll(/[\u0080-\u009f]/g, ""));
      done();
    },
  });
  // The editor reads the width for each line, since a window can be resized.
  Object.defineProperty(output, "columns", { get: out.columns });
  const editor = createInterface({
    input: stdin,
    output,
    terminal: true,
    history: newestFirst(),
    historySize: maxEntries,
    crlfDelay: Infinity,
  });
  let editorHistory: string[] = [];

  function newestFirst(): string[] {
    return history.entries.map(printable).toReversed();
  }

  function promptOf(line: number): string {
    return line === 0 ? out.style.cyan("> ") : out.style.dim("... ");
  }

  function showPrompt(): void {
    editor.setPrompt(promptOf(begun.length));
    editor.prompt();
  }

  function showLines(lines: readonly string[]): void {
    out.control(lines.map((line, i) => `${promptOf(i)}${printable(line)}\n`).join(""));
  }

  /** Empties the editor's line. */
  function takeLine(): string {
    const { line } = editor;
    editor.write(null, { ctrl: true, name: "e" });
    editor.write(null, { ctrl: true, name: "u" });
    return line;
  }

  /** Adds a line that ended with Enter, or a line of a paste. */
  function addLine(raw: string): void {
    interrupted = false;
    // A message of several lines from the history: newer versions of Node separate its lines with carriage returns.
    const line = raw.replaceAll("\r", "\n");
    if (pasting) begun.push(line);
    else if (line.endsWith("\\")) begun.push(line.slice(0, -1));
    else complete([...begun, line].join("\n").trim());
    // The editor's own history has a line for each Enter.
    editorHistory.splice(0, editorHistory.length, ...newestFirst());
    if (isOpen) showPrompt();
  }

  function complete(message: string): void {
    begun = [];
    if (message === "") return;
    history.add(message);
    ahead.push(message);
    isOpen = false;
    wake();
  }

  function interrupt(): void {
    const isEmpty = takeLine() === "" && begun.length === 0;
    begun = [];
    ahead = [];
    if (!isOpen) return stop.abort();
    if (isEmpty && interrupted) return editor.close();
    interrupted = isEmpty;
    if (isEmpty) out.control(`\n${out.style.dim("Ctrl-C once more leaves the chat, and so does Ctrl-D.")}\n`);
    showPrompt();
  }

  function noteKey(_: unknown, { name }: { readonly name?: string }): void {
    if (name === "paste-start") pasting = true;
    else if (name === "paste-end") pasting = false;
  }

  editor.on("history", (lines) => void (editorHistory = lines));
  editor.on("line", addLine);
  editor.on("SIGINT", interrupt);
  editor.on("close", () => {
    closed = true;
    wake();
  });
  stdin.on("keypress", noteKey);
  out.control(pasteOn);

  /** Shows the prompt with what was typed before it, and resolves at the end of the message or of the input. */
  async function read(): Promise<void> {
    const { promise, resolve } = deferred<void>();
    wake = resolve;
    const line = takeLine();
    showLines(begun);
    isOpen = true;
    showPrompt();
    // A message of several lines from the history is not sent yet, as a paste is not.
    const before = pasting;
    pasting = true;
    editor.write(line);
    pasting = before;
    await promise;
  }

  return {
    async next() {
      if (ahead.length > 0) showLines(ahead[0]?.split("\n") ?? []);
      else if (!closed) await read();
      stop = new AbortController();
      const text = ahead.shift();
      return text === undefined ? undefined : { text, stop: stop.signal };
    },
    close() {
      stdin.off("keypress", noteKey);
      editor.close();
      out.control(pasteOff);
    },
  };
}
