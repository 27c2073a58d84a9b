// Owns the keyboard's input. A paste becomes one line, a Ctrl-C during an answer stops the answer, and keys typed between two prompts wait
// for the next prompt.
import { PassThrough } from "node:stream";
import { StringDecoder } from "node:string_decoder";

const pasteStart = "\u001b[200~";
const pasteEnd = "\u001b[201~";
const pasteOn = "\u001b[?2004h";
const pasteOff = "\u001b[?2004l";
const ctrlC = "\u0003";
/** Enter, Ctrl-C and Ctrl-D may end a line: keys after them in the same chunk belong to the next line. */
const mayEnd = ["\r", "\n", ctrlC, "\u0004"];
/** Limit for one paste; the rest is dropped. */
const maxPasteChars = 1_048_576;
/** Limit for keys that wait for the next prompt; the rest is dropped. */
const maxAheadChars = 65_536;

/** The input stream of Node's line editor. The stream must look like a terminal. */
export type EditorInput = PassThrough & { isTTY: true; setRawMode(raw: boolean): unknown };

export interface Keyboard {
  readonly input: EditorInput;
  open(): void;
  /** Keeps keys for the next line, because the current line has ended. */
  shut(): void;
  /** Makes a Ctrl-C call `onInterrupt`, until the returned function is called. */
  hold(onInterrupt: () => void): () => void;
  /** Restores the terminal. */
  close(): void;
}

export interface KeyboardOptions {
  readonly stdin: Pick<NodeJS.ReadStream, "on" | "off" | "pause" | "resume" | "setRawMode">;
  readonly write: (text: string) => void;
  /** Returns the text that the line shows for a paste. */
  readonly collapse: (text: string) => string;
}

export function createKeyboard({ stdin, write, collapse }: KeyboardOptions): Keyboard {
  const input = Object.assign(new PassThrough(), {
    isTTY: true as const,
    // The editor turns raw mode on for each line. Raw mode stays on between lines, so that a Ctrl-C is a key and not a signal.
    setRawMode: (raw: boolean) => (raw ? stdin.setRawMode(true) : undefined),
  });
  const utf8 = new StringDecoder("utf8");
  const reader = createPasteReader(collapse);
  let onInterrupt: (() => void) | undefined;
  let reading = false;
  let waiting = "";

  function take(keys: string): void {
    for (const key of keys) {
      if (key === ctrlC && onInterrupt !== undefined) {
        waiting = "";
        onInterrupt();
      } else if (waiting.length < maxAheadChars || reading) waiting += key;
    }
    flush();
  }

  function flush(): void {
    if (!reading || waiting === "") return;
    const ends = mayEnd.map((key) => waiting.indexOf(key)).filter((at) => at !== -1);
    const keys = ends.length === 0 ? waiting : waiting.slice(0, Math.min(...ends) + 1);
    waiting = waiting.slice(keys.length);
    input.write(keys);
    // Write the remaining keys in a later turn, because the editor decides only after each chunk whether the line is complete.
    if (waiting !== "") setImmediate(flush);
  }

  const onData = (chunk: Buffer): void => take(reader.read(utf8.write(chunk)));
  const onEnd = (): void => void input.end();
  stdin.on("data", onData);
  stdin.on("end", onEnd);
  stdin.setRawMode(true);
  stdin.resume();
  write(pasteOn);

  return {
    input,
    open() {
      reading = true;
      flush();
    },
    shut: () => void (reading = false),
    hold(interrupt) {
      onInterrupt = interrupt;
      return () => void (onInterrupt = undefined);
    },
    close() {
      stdin.off("data", onData);
      stdin.off("end", onEnd);
      stdin.setRawMode(false);
      stdin.pause();
      write(pasteOff);
    },
  };
}

/** Bracketed paste: https://invisible-island.net/xterm/ctlseqs/ctlseqs.html, "Bracketed Paste Mode". */
function createPasteReader(collapse: (text: string) => string): { read(text: string): string } {
  let rest = "";
  let pasted: string | undefined;

  function step(text: string): { readonly keys: string; readonly left: string } {
    const wanted = pasted === undefined ? pasteStart : pasteEnd;
    const at = text.indexOf(wanted);
    // The control sequence around a paste may arrive in two chunks. A single Escape at the end of a chunk is a key.
    const cut = at === -1 ? text.length - partialLength(text, wanted) : at;
    const before = text.slice(0, cut);
    const after = at === -1 ? "" : text.slice(at + wanted.length);
    rest = at === -1 ? text.slice(cut) : "";
    if (pasted === undefined) {
      if (at !== -1) pasted = "";
      return { keys: before, left: after };
    }
    pasted = (pasted + before).slice(0, maxPasteChars);
    if (at === -1) return { keys: "", left: "" };
    const keys = collapse(pasted);
    pasted = undefined;
    return { keys, left: after };
  }

  return {
    read(text) {
      let keys = "";
      let left = rest + text;
      while (left !== "") {
        const result = step(left);
        keys += result.keys;
        left = result.left;
      }
      return keys;
    },
  };
}

function partialLength(text: string, wanted: string): number {
  for (let length = Math.min(wanted.length - 1, text.length); length > 1; length--) {
    if (text.endsWith(wanted.slice(0, length))) return length;
  }
  return 0;
}
