// Writes calls in the syntax of a format.
import { isRecord } from "@waggle/grammar/json-schema";
import { type AnswerItem, type ArgumentsSyntax, type Syntax, type ValueArguments, hasCall } from "../syntax.ts";

export interface SpelledCall {
  readonly name: string;
  readonly id: string;
  /** An object, or JSON text. */
  readonly arguments: unknown;
}

/** The format's syntax of calls; undefined if the format has no calls, or if `spellCalls` cannot write their arguments. */
export function callSyntaxOf(answer: readonly AnswerItem[]): Syntax | undefined {
  const items = answer.filter(({ syntax }) => hasCall(syntax));
  const syntax = (items.find(({ at }) => at === "anywhere") ?? items[0])?.syntax;
  const sample: SpelledCall = { name: "f", id: "i", arguments: {} };
  return syntax === undefined || spellCalls(syntax, [sample]) === undefined ? undefined : syntax;
}

/** Writes all calls, one after the other; undefined if their arguments cannot be written in this syntax. */
export function spellCalls(syntax: Syntax, calls: readonly SpelledCall[]): string | undefined {
  const texts: string[] = [];
  for (let next = 0; next < calls.length;) {
    const cursor: CallCursor = { calls, next };
    const text = spell(syntax, cursor);
    if (text === undefined) return undefined;
    texts.push(text.trim());
    next = cursor.next + 1;
  }
  return texts.join("\n");
}

/** The calls, and the index of the call that is being written. */
interface CallCursor {
  readonly calls: readonly SpelledCall[];
  next: number;
}

function spell(syntax: Syntax, cursor: CallCursor): string | undefined {
  const call = cursor.calls[cursor.next];
  if (call === undefined) return undefined;
  switch (syntax.kind) {
    case "literal":
    case "blank":
      return syntax.text;
    case "sequence":
      return joined(
        syntax.items.map((item) => spell(item, cursor)),
        "",
      );
    case "choice": {
      const one = syntax.items.find(hasCall) ?? syntax.items[0];
      return one === undefined ? "" : spell(one, cursor);
    }
    case "optional":
      return spell(syntax.item, cursor);
    case "repeat": {
      if (!hasCall(syntax.item)) return spell(syntax.item, cursor);
      const texts = [spell(syntax.item, cursor)];
      while (cursor.next + 1 < cursor.calls.length) {
        cursor.next += 1;
        texts.push(spell(syntax.item, cursor));
      }
      return joined(texts, syntax.separator ?? "");
    }
    case "text":
      return "";
    case "name":
      return call.name;
    case "implied-name":
      return "";
    case "id":
      return syntax.name === undefined ? call.id : `${syntax.name.open}${call.name}${syntax.name.close}${cursor.next}`;
    case "arguments":
      return spellArguments(syntax.syntax, call);
    case "object": {
      const id = syntax.id === undefined ? "" : `, ${JSON.stringify(syntax.id)}: ${JSON.stringify(call.id)}`;
      const all = `{"${syntax.name}": ${JSON.stringify(call.name)}, "${syntax.arguments}": ${jsonOf(call)}${id}}`;
      return syntax.within === undefined ? all : `{"${syntax.within}": ${all}}`;
    }
  }
}

function joined(texts: readonly (string | undefined)[], separator: string): string | undefined {
  return texts.includes(undefined) ? undefined : texts.join(separator);
}

function spellArguments(syntax: ArgumentsSyntax, call: SpelledCall): string | undefined {
  switch (syntax.kind) {
    case "json":
      return jsonOf(call);
    case "tags": {
      const { key, value, separator, lines } = syntax;
      const line = lines ? "\n" : "";
      return membersOf(call)
        ?.map(([name, given]) => [name, typeof given === "string" ? withoutMark(given) : spacedJson(given)] as const)
        .map(([name, text]) => key.open + name + key.close + value.open + line + text + line + value.close)
        .join(separator);
    }
    case "values": {
      const { open, close, assign, separator } = syntax;
      const texts = membersOf(call)?.map(([name, value]) => name + assign + spellValue(syntax, value));
      return texts && open + texts.join(separator) + close;
    }
    case "elements":
    case "text":
      return undefined;
  }
}

function jsonOf({ arguments: given }: SpelledCall): string {
  return typeof given === "string" ? given : spacedJson(given);
}

/** The arguments as names and values; undefined if they are not an object. */
function membersOf({ arguments: given }: SpelledCall): readonly (readonly [string, unknown])[] | undefined {
  const value: unknown = typeof given === "string" ? parsedExactly(given) : given;
  return isRecord(value) ? Object.entries(value) : undefined;
}

/** While arguments are parsed, strings that begin with this character replace the numbers. No text contains this Unicode noncharacter. */
const numberMark = "\uFFFF";
const anyMark = /\uffff|\\uffff/gi;
const stringOrNumber = /("(?:[^"\\]|\\.)*")|-?\d[\d.eE+-]*/g;

/** Parses JSON with numbers as marked strings, since parsing would change 1.0 and integers of 64 bits. Undefined if the text is not JSON. */
function parsedExactly(text: string): unknown {
  try {
    JSON.parse(text);
    const clean = text.replaceAll(anyMark, "\uFFFD");
    const marked = clean.replaceAll(stringOrNumber, (token, string?: string) => string ?? `"${numberMark}${token}"`);
    return JSON.parse(marked);
  } catch {
    return undefined;
  }
}

function withoutMark(text: string): string {
  return text.startsWith(numberMark) ? text.slice(numberMark.length) : text;
}

/** Recursive: the limit on a request's nesting limits the depth. */
function spellValue(syntax: ValueArguments, value: unknown): string {
  const [quote] = syntax.quotes;
  if (typeof value === "string") {
    if (value.startsWith(numberMark)) return withoutMark(value);
    if (quote === undefined || quote.escapes) return JSON.stringify(value);
    return quote.text + value + quote.text;
  }
  if (value === null || value === undefined) return syntax.words.null;
  if (typeof value === "boolean") return value ? syntax.words.true : syntax.words.false;
  if (Array.isArray(value)) return `[${value.map((item) => spellValue(syntax, item)).join(syntax.separator)}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  const members = Object.entries(value).map(
    ([key, member]) => (syntax.quotedKeys ? JSON.stringify(key) : key) + syntax.colon + spellValue(syntax, member),
  );
  return `{${members.join(syntax.separator)}}`;
}

const markedNumber = new RegExp(`"${numberMark}([^"]*)"`, "g");

/** JSON with the spaces that Python prints, as in the output of most templates. */
export function spacedJson(value: unknown): string {
  const lines = JSON.stringify(value, undefined, 1) ?? "null";
  const spaced = lines.replaceAll(/(,?)\n */g, (_, comma: string) => (comma === "" ? "" : ", "));
  return spaced.replaceAll(markedNumber, "$1");
}
