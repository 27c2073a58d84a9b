// Owns which rows of a table of attacks and faults run: all in a long run, and otherwise the first one of each kind.
import { isLong } from "./long.ts";

export const rowsOfKind = <T>(rows: readonly T[]): readonly T[] => (isLong ? rows : rows.slice(0, 1));
