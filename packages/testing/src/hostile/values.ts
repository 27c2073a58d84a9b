// Owns hostile JSON values, by the field's type. They are texts, because JSON.stringify cannot write many of them.

export interface HostileValue {
  readonly name: string;
  /** Returns the JSON text. A function, because some texts have megabytes. */
  readonly write: () => string;
}

/** Just under the 4 MiB that a worker accepts by default, with room for the rest of the body. */
export const largeBytes = 3_900_000;
/** Too deep for a recursive function with V8's default stack. */
const recursionDepth = 30_000;

export const hostileStrings: readonly string[] = [
  ...["", " ", ".", "..", "%2e%2e", "../../etc/passwd", "%00", "a b", "a".repeat(128), "a".repeat(129)],
  ...["\0", "\uFEFF", "\uFFFE", "\u202E", "NaN", "Infinity", "__proto__", "constructor", "toString", "{{7*7}}"],
  ...["<|im_end|>", "</s>", "🐝".repeat(64), "e\u0301".repeat(200), "x".repeat(5_000), "\n".repeat(5_000)],
];

const scalars = ["null", "true", "false", "0", "-0", "-1", "0.1", "5e-324", "1e308", "1e400", "-1e400"];
const integers = ["2147483648", "-2147483649", "4294967296", "9007199254740993", "123456789012345678901234567890"];
const containers = ["[]", "{}", "[null]", '[""]', "[[]]", '{"a":1,"a":2}', '{"__proto__":{"polluted":true}}', '{"":0}'];
const halfSurrogates = ['"\\ud800"', '"\\udc1d"', '"a\\ud83d"'];
/** Invalid JSON, which makes the whole body invalid. */
const broken = ["NaN", "Infinity", "undefined", "01", "+1", ".5", "'a'", '"\n"', '"\\x41"', "[1,]", "{", '"', ""];

/** Values for every field. */
export const smallValues: readonly HostileValue[] = [
  ...[...scalars, ...integers, ...containers, ...halfSurrogates, ...broken].map(textValue),
  ...hostileStrings.map((string) => textValue(JSON.stringify(string))),
];

/** Values for every field, of a few hundred kilobytes at most. */
export const deepValues: readonly HostileValue[] = [
  { name: `arrays ${recursionDepth} deep`, write: () => nested("[", "]", recursionDepth) },
  { name: `objects ${recursionDepth} deep`, write: () => nested('{"a":', "}", recursionDepth) },
];

/** Values for fields of text. */
export const largeTexts: readonly HostileValue[] = [
  { name: "3.9 MB of words", write: () => `"${filled("the dog sat. ")}"` },
  { name: "3.9 MB of one letter", write: () => `"${filled("a")}"` },
  { name: "3.9 MB of emoji", write: () => `"${filled("🐝", 4)}"` },
];

/** Values for fields of text that a server may parse as JSON, such as the arguments of a tool call. */
export const deepTexts: readonly HostileValue[] = [
  { name: `text of arrays ${recursionDepth} deep`, write: () => `"${nested("[", "]", recursionDepth)}"` },
  { name: `text of objects ${recursionDepth} deep`, write: () => `"${nested('{\\"a\\":', "}", recursionDepth)}"` },
];

/** Values for fields of any type. */
export const largeNests: readonly HostileValue[] = [
  { name: "3.9 MB of nested arrays", write: () => nested("[", "]", largeBytes / 2) },
  { name: "3.9 MB of nested objects", write: () => nested('{"a":', "}", Math.floor(largeBytes / 6)) },
  { name: "3.9 MB of empty arrays", write: () => largeArray("[]") },
];

/** An array of 3.9 MB that repeats one value. */
export function largeArray(item: string): string {
  const count = Math.max(1, Math.floor(largeBytes / (Buffer.byteLength(item) + 1)));
  return `[${`${item},`.repeat(count - 1)}${item}]`;
}

/** An object of 3.9 MB with many names and one value. */
export function wideObject(value: string, name: (index: number) => string = String): string {
  const members: string[] = [];
  for (let bytes = 0; bytes < largeBytes;) {
    const member = `"${name(members.length)}":${value}`;
    bytes += member.length + 1;
    members.push(member);
  }
  return `{${members.join()}}`;
}

function filled(text: string, bytes = text.length): string {
  return text.repeat(Math.floor(largeBytes / bytes));
}

function nested(open: string, close: string, depth: number): string {
  return `${open.repeat(depth)}0${close.repeat(depth)}`;
}

function textValue(text: string): HostileValue {
  const name = text.length > 40 ? `${text.slice(0, 37)}… (${text.length})` : text;
  return { name: name === "" ? "no value" : name, write: () => text };
}
