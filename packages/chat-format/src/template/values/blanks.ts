// Defines white space as Python does, and strips white space or other characters from texts.

/** Matches one white-space character; for use in a regular expression. */
export const blankClass = String.raw`[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]`;

const leading = new RegExp(`^${blankClass}+`);
const isBlank = new RegExp(blankClass);

/** @param chars characters to strip instead of white space */
export function strip(text: string, sides: "left" | "right" | "both", chars?: string): string {
  if (chars === undefined) {
    const kept = sides === "right" ? text : text.replace(leading, "");
    return sides === "left" ? kept : kept.slice(0, endWithoutBlanks(kept));
  }
  const set = new Set(chars);
  // Without surrogates in the set, UTF-16 units can be compared; otherwise the text is split into code points.
  const all = /[\ud800-\udfff]/.test(chars) ? Array.from(text) : text;
  let [start, end] = [0, all.length];
  if (sides !== "right") while (start < end && set.has(all[start] ?? "")) start += 1;
  if (sides !== "left") while (end > start && set.has(all[end - 1] ?? "")) end -= 1;
  const kept = all.slice(start, end);
  return typeof kept === "string" ? kept : kept.join("");
}

/** Uses a loop, since a regular expression for the end would try every run of white space in the text. */
function endWithoutBlanks(text: string): number {
  let end = text.length;
  while (end > 0 && isBlank.test(text[end - 1] ?? "")) end -= 1;
  return end;
}
