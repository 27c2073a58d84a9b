// Finds the known word that an unknown word probably means, for "did you mean".

/** A longer word gets no suggestion, so that the comparison of a hostile word costs little. */
const longestWord = 100;
/** Letters of a word for each edit that is accepted. */
const lettersPerEdit = 3;

/** @returns the closest of these words; undefined if none is close */
export function nearWord(word: string, words: Iterable<string>): string | undefined {
  let nearest: { readonly word: string; readonly edits: number } | undefined;
  for (const known of words) {
    const edits = editsBetween(word, known, Math.floor(known.length / lettersPerEdit));
    if (edits !== undefined && edits < (nearest?.edits ?? Infinity)) nearest = { word: known, edits };
  }
  return nearest?.word;
}

/**
 * Counts the letters to insert, delete, replace or swap with their neighbour.
 * @returns undefined if more than `most` edits are needed, or a word is too long
 */
export function editsBetween(a: string, b: string, most: number): number | undefined {
  if (Math.max(a.length, b.length) > longestWord || Math.abs(a.length - b.length) > most) return undefined;
  let before: readonly number[] = [];
  let row: readonly number[] = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const isSame = a[i - 1] === b[j - 1];
      const replaced = at(row, j - 1) + (isSame ? 0 : 1);
      const isSwap = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwap ? at(before, j - 2) + 1 : Infinity;
      next.push(Math.min(at(row, j) + 1, at(next, j - 1) + 1, replaced, swapped));
    }
    [before, row] = [row, next];
  }
  const edits = at(row, b.length);
  return edits <= most ? edits : undefined;
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}
