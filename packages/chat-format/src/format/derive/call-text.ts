// Finds a call in a template's output, and its form: a JSON object, or a name followed by arguments.
import { isRecord } from "@waggle/grammar/json-schema";
import { type ArgumentsSyntax, type Syntax, type TaggedArguments, blank, literal, sequence } from "../syntax.ts";
import { needles } from "./conversations.ts";
import { commonEnd } from "./cuts.ts";

/** Replaces the id of a call in a template's output. */
export const idMark = "\uE001";

export interface CallText {
  /** Positions in the text. The call begins with its object or its name, and ends with its object or its arguments. */
  readonly begin: number;
  readonly end: number;
  readonly core:
    | { readonly kind: "object"; readonly syntax: Syntax }
    | { readonly kind: "named"; readonly afterName: string; readonly arguments: ArgumentsSyntax };
}

const [firstKey, secondKey] = needles.keys;
const [firstValue, secondValue] = needles.values;

export function findCall(text: string, name: string, from: number): CallText | undefined {
  const nameAt = text.indexOf(name, from);
  if (nameAt === -1) return undefined;
  const json = jsonWith(text, firstKey, from);
  if (json === undefined) return taggedCall(text, nameAt, nameAt + name.length);
  if (json.begin <= nameAt) {
    const syntax = objectSyntax(json.value, name);
    return syntax === undefined ? undefined : { begin: json.begin, end: json.end, core: { kind: "object", syntax } };
  }
  const afterName = withIdMarks(text.slice(nameAt + name.length, json.begin));
  return { begin: nameAt, end: json.end, core: { kind: "named", afterName, arguments: { kind: "json" } } };
}

interface FoundJson {
  readonly begin: number;
  readonly end: number;
  readonly value: Readonly<Record<string, unknown>>;
}

/** The first and outermost JSON object that contains the needle. */
function jsonWith(text: string, needle: string, from: number): FoundJson | undefined {
  const at = text.indexOf(needle, from);
  for (let begin = text.indexOf("{", from); begin !== -1 && begin < at; begin = text.indexOf("{", begin + 1)) {
    for (let end = text.indexOf("}", at); end !== -1; end = text.indexOf("}", end + 1)) {
      try {
        const value: unknown = JSON.parse(text.slice(begin, end + 1));
        if (isRecord(value)) return { begin, end: end + 1, value };
      } catch {
        // The object does not end at this brace.
      }
    }
  }
  return undefined;
}

function objectSyntax(value: Readonly<Record<string, unknown>>, name: string): Syntax | undefined {
  const members = Object.entries(value);
  if (members.length === 1 && members[0]?.[0] === name) return nameAsKey;
  const within = members.find(([, one]) => isRecord(one) && Object.values(one).includes(name));
  const inner = within === undefined ? value : (within[1] as Readonly<Record<string, unknown>>);
  const nameKey = findKey(inner, (one) => one === name);
  const argumentsKey = findKey(inner, (one) => isRecord(one) && firstKey in one);
  // Some templates number the calls and ignore their ids.
  const id =
    findKey(value, (one) => needles.ids.includes(one as (typeof needles.ids)[number])) ??
    findKey(value, (one, key) => /(?:^|_)id$/.test(key) && typeof one === "string");
  if (nameKey === undefined || argumentsKey === undefined) return undefined;
  return {
    kind: "object",
    name: nameKey,
    arguments: argumentsKey,
    ...(id === undefined ? {} : { id }),
    ...(within === undefined ? {} : { within: within[0] }),
  };
}

/** `{"get_weather": {"city": "Paris"}}` */
const nameAsKey: Syntax = sequence(
  literal("{"),
  blank(),
  literal('"'),
  { kind: "name", until: ['"'] },
  literal('"'),
  blank(),
  literal(":"),
  blank(" "),
  { kind: "arguments", syntax: { kind: "json" } },
  blank(),
  literal("}"),
);

/** A name, and then two keys and values between tags. */
function taggedCall(text: string, begin: number, nameEnd: number): CallText | undefined {
  const places = [firstKey, firstValue, secondKey, secondValue].reduce<number[]>((found, needle) => {
    const at = text.indexOf(needle, found.at(-1) ?? nameEnd);
    return found.at(-1) === -1 ? found : [...found, at];
  }, []);
  if (places.length < 4 || places.includes(-1)) return undefined;
  const [key1, value1, key2, value2] = places as [number, number, number, number];
  const beforeKey = text.slice(nameEnd, key1);
  const beforeValue = text.slice(key1 + firstKey.length, value1);
  const afterValue = text.slice(value1 + firstValue.length, key2);
  const syntax = tagsSyntax(beforeKey, beforeValue, afterValue);
  if (syntax === undefined) return undefined;
  const close = text.indexOf(syntax.value.close, value2 + secondValue.length);
  if (close === -1) return undefined;
  const opensAll = beforeKey.slice(0, beforeKey.lastIndexOf(syntax.key.open));
  return {
    begin,
    end: close + syntax.value.close.length,
    core: { kind: "named", afterName: withIdMarks(opensAll), arguments: syntax },
  };
}

function tagsSyntax(beforeKey: string, beforeValue: string, afterValue: string): TaggedArguments | undefined {
  const keyOpen = commonEnd(beforeKey, afterValue).trimStart();
  if (keyOpen === "") return undefined;
  const closeAndSeparator = afterValue.slice(0, afterValue.length - keyOpen.length);
  const close = /^\s*(?:<[^<>]*>|\S+)/.exec(closeAndSeparator)?.[0];
  if (close === undefined) return undefined;
  const nextTag = beforeValue.indexOf("<", 1);
  const keyClose = nextTag === -1 ? beforeValue : beforeValue.slice(0, nextTag);
  return {
    kind: "tags",
    key: { open: keyOpen, close: keyClose.trim() },
    value: {
      // The white space between key and value counts as part of the value's opening.
      open: nextTag === -1 ? "" : keyClose.slice(keyClose.trimEnd().length) + beforeValue.slice(nextTag).trim(),
      close: close.trim(),
    },
    lines: close.startsWith("\n") && beforeValue.endsWith("\n"),
    separator: closeAndSeparator.slice(close.length),
  };
}

export function withIdMarks(text: string): string {
  return needles.ids.reduce((result, id) => result.replaceAll(id, idMark), text);
}

function findKey(
  value: Readonly<Record<string, unknown>>,
  is: (one: unknown, key: string) => boolean,
): string | undefined {
  return Object.entries(value).find(([key, one]) => is(one, key))?.[0];
}
