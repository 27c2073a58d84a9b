// Owns a line on a terminal that shows progress.

/** Replaces the line's earlier text; an empty text removes the line. Writes nothing when stderr is not a terminal. */
export function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${text}\r`);
}
