// Reads the escapes of Python and JSON in quoted text.

/** Length of the longest escape, `\U0001F600`. */
const maxEscapeChars = 10;

const single: Readonly<Record<string, string>> = {
  ...{ n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", v: "\v", a: "\u0007" },
  ...{ "\\": "\\", "'": "'", '"': '"', "\n": "" },
};

const coded = /^\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3}))/;
const mayBecomeCoded = /^\\(?:x[\da-fA-F]?|u[\da-fA-F]{0,3}|U[\da-fA-F]{0,7}|[0-7]{1,2})?$/;

export interface Escape {
  readonly text: string;
  /** Characters of the escape in the answer, including the backslash. */
  readonly length: number;
}

/** Reads the escape at a backslash; undefined if more text is needed. In an unknown escape, the backslash is a plain character. */
export function escapeAt(text: string, at: number, ended: boolean): Escape | undefined {
  const rest = text.slice(at, at + maxEscapeChars);
  if (!ended && mayBecomeCoded.test(rest)) return undefined;
  const [whole, byte, short, long, octal] = coded.exec(rest) ?? [];
  if (whole !== undefined) {
    const code = octal === undefined ? parseInt(byte ?? short ?? long ?? "", 16) : parseInt(octal, 8);
    if (code > 0x10ffff) return { text: "\\", length: 1 };
    return { text: short === undefined ? String.fromCodePoint(code) : String.fromCharCode(code), length: whole.length };
  }
  const known = single[rest.charAt(1)];
  return known === undefined ? { text: "\\", length: 1 } : { text: known, length: 2 };
}
