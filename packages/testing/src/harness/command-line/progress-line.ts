// Owns a line on a terminal that shows progress.

/** Replaces its earlier text; an empty text removes the line. Without a terminal, it writes nothing. */
export function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${text}\r`);
}
