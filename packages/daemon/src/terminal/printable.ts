// Cleans text that other programs wrote, such as a server's error or a file's name, before a terminal shows it.

/** Characters that a terminal obeys or that reorder other characters, except for tabs and line ends. */
const obeyed = String.raw`(?![\t\n])[\p{Cc}\p{Bidi_Control}]`;
const obeyedOnly = new RegExp(obeyed, "gu");
/** The colours of `Style`, or such a character. */
const colourOrObeyed = new RegExp(String.raw`\u001b\[(?:[12]|22|3[1236]|39)m|${obeyed}`, "gu");

/** Without its first character, the rest of an escape sequence is harmless. */
export function printable(text: string): string {
  return text.replaceAll(obeyedOnly, "");
}

/** Like `printable`, but keeps the colours of `Style`. */
export function printableStyled(text: string): string {
  return text.replaceAll(colourOrObeyed, (found) => (found.length > 1 ? found : ""));
}
