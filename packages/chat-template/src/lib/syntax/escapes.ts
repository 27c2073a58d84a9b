// Owns the escapes of a string literal, which are Python's.

const escape = /\\(?:\n|([0-7]{1,3})|x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([abfnrtv\\'"]))/g;
const single: Readonly<Record<string, string>> = { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };
const lastCodePoint = 0x10ffff;

/** What is no escape stays as it is written. */
export function decodeEscapes(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(escape, (whole: string, octal?: string, x?: string, u?: string, long?: string, one?: string) => {
    if (one !== undefined) return single[one] ?? one;
    const digits = octal ?? x ?? u ?? long;
    if (digits === undefined) return "";
    const code = Number.parseInt(digits, octal === undefined ? 16 : 8);
    return code > lastCodePoint ? whole : String.fromCodePoint(code);
  });
}
