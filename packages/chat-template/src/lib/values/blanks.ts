// Owns white space as Python sees it, and taking it away.

/** For a pattern: any one of them. */
export const blankClass = String.raw`[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]`;

const leading = new RegExp(`^${blankClass}+`);
const isBlank = new RegExp(blankClass);

/** @param chars a set of characters, instead of blanks */
export function strip(text: string, sides: "left" | "right" | "both", chars?: string): string {
  if (chars === undefined) {
    const kept = sides === "right" ? text : text.replace(leading, "");
    return sides === "left" ? kept : kept.slice(0, endWithoutBlanks(kept));
  }
  const set = new Set(chars);
  // Where the set has no character beyond U+FFFF, none has to be put together.
  const all = /[\ud800-\udfff]/.test(chars) ? Array.from(text) : text;
  let [start, end] = [0, all.length];
  if (sides !== "right") while (start < end && set.has(all[start] ?? "")) start += 1;
  if (sides !== "left") while (end > start && set.has(all[end - 1] ?? "")) end -= 1;
  const kept = all.slice(start, end);
  return typeof kept === "string" ? kept : kept.join("");
}

/** A pattern for the end would look at each run of blanks in the text. */
function endWithoutBlanks(text: string): number {
  let end = text.length;
  while (end > 0 && isBlank.test(text[end - 1] ?? "")) end -= 1;
  return end;
}
