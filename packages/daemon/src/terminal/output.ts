// Owns the facts about an output stream: whether it is a terminal, its width, and its style.
import { printable, printableStyled } from "./printable.ts";
import { createStyle, type Style } from "./style.ts";

/** Width of a terminal that reports the width 0, or no width. */
const defaultColumns = 80;
/** Longer lines are harder to read. */
const mostHelpColumns = 110;

export interface Output {
  readonly isTerminal: boolean;
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
  const clean = colors ? printableStyled : printable;
  return {
    isTerminal,
    style: createStyle(isTerminal && colors),
    columns: () => stream.columns || defaultColumns,
    write: (text) => void stream.write(isTerminal ? clean(text) : text),
    control: (text) => void stream.write(text),
  };
}

/** Columns of a help, in a terminal at most as many as the terminal has. */
export function helpColumns({ isTTY, columns }: Omit<OutputStream, "write"> = process.stdout): number {
  return isTTY === true ? Math.min(mostHelpColumns, columns || defaultColumns) : mostHelpColumns;
}
