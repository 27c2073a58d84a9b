// Divides the rows of neighbouring slots into matrices, so that they are computed in the least time. Pure.

/**
 * On some CPUs llama.cpp computes one row with a vector kernel, and two or three rows with a matrix kernel that takes several times as long: then two
 * rows are computed one after the other.
 * @param rows number of rows
 * @param matrixMs time of a matrix with this many rows; undefined before it was measured
 * @returns numbers of rows of the matrices, with the sum `rows`
 */
export function divideRows(rows: number, matrixMs: (rows: number) => number | undefined): readonly number[] {
  if (rows < 2) return rows === 1 ? [1] : [];
  const times = Array.from({ length: rows + 1 }, (_, count) => (count === 0 ? 0 : matrixMs(count)));
  const wholeMs = times[rows];
  if (wholeMs === undefined) return [rows];
  // The best division of each number of rows: its time, and the size of its last matrix.
  const best: { readonly ms: number; readonly last: number }[] = [{ ms: 0, last: 0 }];
  for (let count = 1; count <= rows; count++) {
    let found = { ms: times[count] ?? Infinity, last: count };
    for (let last = 1; last < count; last++) {
      const ms = (best[count - last]?.ms ?? Infinity) + (times[last] ?? Infinity);
      if (ms < found.ms) found = { ms, last };
    }
    best.push(found);
  }
  // A small gain is noise, and one matrix leaves more for other work.
  if ((best[rows]?.ms ?? Infinity) > worthDividing * wholeMs) return [rows];
  const parts: number[] = [];
  for (let left = rows; left > 0; left -= parts.at(-1) ?? left) parts.push(best[left]?.last ?? left);
  return parts;
}

/** A division must take at most this part of the time of one matrix. */
const worthDividing = 0.9;
