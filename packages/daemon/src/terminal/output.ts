// Owns the facts about an output stream: whether it is a terminal, its width, and its style.
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
  write(text: string): void;
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
    style: createStyle(isTerminal && colors),
    columns: () => stream.columns || defaultColumns,
    write: (text) => void stream.write(text),
  };
}

/** Columns of a help, in a terminal at most as many as the terminal has. */
export function helpColumns({ isTTY, columns }: Omit<OutputStream, "write"> = process.stdout): number {
  return isTTY === true ? Math.min(mostHelpColumns, columns || defaultColumns) : mostHelpColumns;
}
