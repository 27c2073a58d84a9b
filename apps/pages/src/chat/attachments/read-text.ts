// Owns whether bytes are a text file, and decoding it. Pure.

/** Text files contain tab, line feed, form feed, carriage return and escape, and no other control characters. */
// oxlint-disable-next-line no-control-regex -- the pattern matches control characters
const noText = /[\u0000-\u0008\u000b\u000e-\u001a\u001c-\u001f]/;

/** The text with line feeds only; undefined for other files. UTF-8, UTF-16 with a byte order mark, or else Windows-1252. */
export function textOf(bytes: Uint8Array<ArrayBuffer>): string | undefined {
  const text = decode(bytes);
  return noText.test(text) ? undefined : text.replaceAll("\r\n", "\n");
}

function decode(bytes: Uint8Array<ArrayBuffer>): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}
