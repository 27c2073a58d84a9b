// Owns the facts about an output stream: whether it is a terminal, its width, and its style.
import { randomInt } from "node:crypto";
import { printable } from "./printable.ts";
import { createStyle, type Style } from "./style.ts";

/** Width of a terminal that reports the width 0, or no width. */
const defaultColumns = 80;
/** Longer lines are harder to read. */
const mostHelpColumns = 110;

const sequence = "\u001b[";
/**
 * Begins the sequences of `Output.style` until they are written, so that they are known from those in other texts: no server can guess the numbers. As
 * parameters of a sequence they have no width.
 */
const ownSequence = `${sequence}${Array.from({ length: 4 }, () => randomInt(1_000, 10_000)).join(";")};`;

export interface Output {
  readonly isTerminal: boolean;
  /** For text that `write` or `control` writes. */
  readonly style: Style;
  /** Width of the terminal. Reads the width at each call, since a window can be resized. */
  columns(): number;
  /** Writes text, for a terminal without characters that the terminal obeys: any text may contain words of a server or of a file. */
  write(text: string): void;
  /** Writes sequences that move the cursor, and text that is clean already. */
  control(text: string): void;
}

export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** @param colors whether the settings allow colours; output that is not a terminal has no colours */
export function createOutput(stream: OutputStream, colors: boolean): Output {
  const isTerminal = stream.isTTY === true;
  return {
    isTerminal,
    style: createStyle(isTerminal && colors, ownSequence),
    columns: () => stream.columns || defaultColumns,
    write: (text) => void stream.write(isTerminal ? text.split(ownSequence).map(printable).join(sequence) : text),
    control: (text) => void stream.write(text.replaceAll(ownSequence, sequence)),
  };
}

/** Columns of a help, in a terminal at most as many as the terminal has. */
export function helpColumns({ isTTY, columns }: Omit<OutputStream, "write"> = process.stdout): number {
  return isTTY === true ? Math.min(mostHelpColumns, columns || defaultColumns) : mostHelpColumns;
}
