// Parses the steps of a Markdown page for its reader: each fenced block with the mark before it. Pure.
//
// A mark is an HTML comment, which readers do not see: `<!-- check: run within="90" -->`. Only blocks of the language `text` may have no
// mark; these blocks are shown and not run. So every command in a page is checked or skipped explicitly.

export const blockKinds = ["run", "background", "file", "expect", "skip"] as const;
export type BlockKind = (typeof blockKinds)[number];

export interface BlockStep {
  readonly kind: BlockKind;
  /** Line number of the block's first line of text, from 1. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
  readonly options: StepOptions;
}

/** A step that is a mark without a block. */
export interface BareStep {
  /** stop: Ctrl-C in the terminal that was opened last. page: the requirements of the whole page. */
  readonly kind: "stop" | "page";
  readonly line: number;
  readonly options: StepOptions;
}

export type Step = BlockStep | BareStep;

export interface StepOptions {
  /** For a block that is a file: the file's name in the reader's folder. */
  readonly name?: string;
  /** For a command in the background: the text to wait for before the next step. */
  readonly until?: string;
  /** Input of the reader, with \n for the Enter key; the block then runs in a terminal. */
  readonly type?: string;
  /** Time limit, in seconds. */
  readonly within?: string;
  /** Required exit code, 0 by default. */
  readonly exit?: string;
  /** Commands that the step needs, separated by commas. If one is not installed, the step is not run. */
  readonly needs?: string;
  /** For a skipped block: why it cannot be run. */
  readonly why?: string;
  /** "old=new|old=new": replacements in the block, which the made-up model makes necessary. The step's result lists the replacements. */
  readonly instead?: string;
  /** Number of bytes of answers after which each of the first connections to `WAGGLE_URL` is cut. */
  readonly cut?: string;
  /** For expected output: "any" if each number on the page matches any number. */
  readonly numbers?: string;
  /** For a page: model references, separated by commas, that made-up models replace, because checks download no models. */
  readonly model?: string;
}

const optionNames: ReadonlySet<string> = new Set([
  ...["name", "until", "type", "within", "exit", "needs", "why", "model", "instead", "numbers", "cut"],
]);
const markPattern = /^<!-- check: (\w+)((?: \w+="[^"]*")*) -->$/;
const fencePattern = /^( *)(`{3,})(\S*)\s*$/;

/** @throws Error with the line of an invalid mark or block */
export function readPage(page: string): readonly Step[] {
  const lines = page.split("\n");
  const steps: Step[] = [];
  let mark: Mark | undefined;
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] as string;
    const found = markOf(line, at + 1);
    const fence = fencePattern.exec(line);
    if (found !== undefined) {
      if (mark !== undefined) throw new Error(`Line ${mark.line}: no block follows this mark`);
      if (found.kind === "stop" || found.kind === "page") steps.push(found as BareStep);
      else mark = found;
    } else if (fence !== null) {
      const end = blockEnd(lines, at, fence);
      const step = blockOf(mark, fence[3] as string, lines.slice(at + 1, end), at + 2);
      if (step !== undefined) steps.push(step);
      mark = undefined;
      at = end;
    } else if (line.trim() !== "" && mark !== undefined) {
      throw new Error(`Line ${mark.line}: no block follows this mark`);
    }
  }
  if (mark !== undefined) throw new Error(`Line ${mark.line}: no block follows this mark`);
  for (const [at, { kind, line: start }] of steps.entries()) {
    const next = steps.slice(at + 1).find((step) => ["run", "skip", "stop"].includes(step.kind));
    // A start alone does not show that the page's settings let commands reach the program.
    if (kind === "background" && (next?.kind ?? "stop") === "stop")
      throw new Error(`Line ${start}: no command follows this start`);
  }
  return steps;
}

interface Mark {
  readonly kind: BlockKind | BareStep["kind"];
  readonly line: number;
  readonly options: StepOptions;
}

function markOf(line: string, number: number): Mark | undefined {
  if (!line.includes("<!-- check")) return undefined;
  const [, kind = "", written = ""] = markPattern.exec(line.trim()) ?? [];
  const kinds: readonly string[] = [...blockKinds, "stop", "page"];
  if (!kinds.includes(kind))
    throw new Error(`Line ${number}: ${line.trim()} is not a known mark; use ${kinds.join(", ")}`);
  const options = Array.from(written.matchAll(/(\w+)="([^"]*)"/g), ([, name = "", value = ""]) => {
    if (!optionNames.has(name)) throw new Error(`Line ${number}: unknown option ${name}`);
    return [name, value];
  });
  return { kind: kind as Mark["kind"], line: number, options: Object.fromEntries(options) as StepOptions };
}

function blockEnd(lines: readonly string[], at: number, [, , ticks = ""]: RegExpExecArray): number {
  const end = lines.findIndex((line, i) => i > at && line.trim() === ticks);
  if (end === -1) throw new Error(`Line ${at + 1}: this block has no end`);
  return end;
}

function blockOf(
  mark: Mark | undefined,
  language: string,
  text: readonly string[],
  line: number,
): BlockStep | undefined {
  if (mark === undefined) {
    if (language === "text" || language === "") return undefined;
    throw new Error(`Line ${line - 1}: a block of ${language} needs a mark: run, background, file, expect or skip`);
  }
  const { kind, options } = mark as Mark & { readonly kind: BlockKind };
  const missing = ({ file: "name", background: "until", skip: "why" } as const)[kind as "file"];
  if (missing !== undefined && options[missing] === undefined)
    throw new Error(`Line ${mark.line}: a mark "${kind}" needs ${missing}="…"`);
  return { kind, line, language, text: outdented(text), options };
}

/** Removes the indent that a block within a list has. */
function outdented(lines: readonly string[]): string {
  const indents = lines.filter((line) => line.trim() !== "").map((line) => line.length - line.trimStart().length);
  const least = Math.min(...indents, 80);
  return lines.map((line) => `${line.slice(least)}\n`).join("");
}
