// Cleans text that other programs wrote, such as a server's error or a file's name, before a terminal shows it.

/** Characters that a terminal obeys or that reorder other characters, except for tabs and line ends. */
const obeyed = /(?![\t\n])[\p{Cc}\p{Bidi_Control}]/gu;

/** Without its first character, the rest of an escape sequence is harmless. */
export function printable(text: string): string {
  return text.replaceAll(obeyed, "");
}
