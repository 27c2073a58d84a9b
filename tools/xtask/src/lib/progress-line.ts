// Owns a line on a terminal that tells how far something is.

/** Takes the place of what it said before; nothing takes it away. Where there is no terminal, it says nothing. */
export function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${text}\r`);
}
