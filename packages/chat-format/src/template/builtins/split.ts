// Splits texts as Python does.
import { blankClass, strip } from "../values/blanks.ts";

const blanks = new RegExp(`${blankClass}+`, "g");
// In Python, some control characters end lines.
// eslint-disable-next-line no-control-regex
const lineEnd = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/g;

/** @param separator undefined: white space separates the parts, and is ignored at both ends of the text */
export function splitLeft(text: string, separator: string | undefined, most: number): string[] {
  const source = separator === undefined ? strip(text, "left") : text;
  const parts: string[] = [];
  let at = 0;
  while (parts.length < most) {
    const found = separator === undefined ? nextBlanks(source, at) : next(source, separator, at);
    if (found === undefined) break;
    parts.push(source.slice(at, found[0]));
    at = found[1];
  }
  const rest = source.slice(at);
  if (separator !== undefined) return [...parts, rest];
  const last = parts.length < most ? strip(rest, "right") : rest;
  return last === "" ? parts : [...parts, last];
}

function next(text: string, separator: string, from: number): readonly [number, number] | undefined {
  const at = text.indexOf(separator, from);
  return at < 0 ? undefined : [at, at + separator.length];
}

function nextBlanks(text: string, from: number): readonly [number, number] | undefined {
  blanks.lastIndex = from;
  const found = blanks.exec(text);
  return found === null ? undefined : [found.index, blanks.lastIndex];
}

export function splitRight(text: string, separator: string | undefined, most: number): string[] {
  const source = separator === undefined ? strip(text, "right") : text;
  const all = splitLeft(source, separator, Number.POSITIVE_INFINITY);
  if (all.length <= most + 1) return all;
  const last = most === 0 ? [] : all.slice(-most);
  if (separator !== undefined) return [all.slice(0, all.length - most).join(separator), ...last];
  // White space within the rest of the text is kept.
  let end = source.length;
  for (const part of last.toReversed()) end = strip(source.slice(0, end), "right").length - part.length;
  return [strip(source.slice(0, end), "right"), ...last];
}

export function splitLines(text: string, keepEnds: boolean): string[] {
  const lines: string[] = [];
  let at = 0;
  for (const { 0: end, index } of text.matchAll(lineEnd)) {
    lines.push(text.slice(at, keepEnds ? index + end.length : index));
    at = index + end.length;
  }
  return at < text.length ? [...lines, text.slice(at)] : lines;
}
