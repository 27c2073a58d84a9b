// Owns the methods of texts, under Python's names.
import type { Budget } from "../budget.ts";
import { failure } from "../template-error.ts";
import { bind, required, type Arguments } from "../values/arguments.ts";
import { strip } from "../values/blanks.ts";
import { formatBraces } from "../values/brace-format.ts";
import { capitalize, characters, isCased, placeIn, swapCase, textLength, titleCase } from "../values/characters.ts";
import { pad, type Alignment } from "../values/number-format.ts";
import { str } from "../values/text.ts";
import { listItems, toList } from "../values/operators.ts";
import { isDict, isInteger, tupleValue, typeName, type Value } from "../values/value.ts";
import { splitLeft, splitLines, splitRight } from "./split.ts";

export type TextMethod = (text: string, args: Arguments, budget: Budget) => Value;

export function textArgument(what: string, value: Value | undefined): string {
  if (typeof value === "string") return value;
  throw failure(`${what} must be str, not ${value === undefined ? "absent" : typeName(value)}`);
}

function whole(what: string, value: Value | undefined, otherwise: number): number {
  if (value === undefined || value === null) return otherwise;
  if (!isInteger(value)) throw failure(`${what} takes an integer, not ${typeName(value)}`);
  return Number(value);
}

/** The slice `text[start:end]`, and the position where the slice starts. Positions count code points. */
function section(text: string, start: Value | undefined, end: Value | undefined): readonly [string, number] {
  if (start === undefined && end === undefined) return [text, 0];
  const all = characters(text);
  const from = whole("a place", start, 0);
  const place = Math.max(0, from < 0 ? from + all.length : from);
  const part = all.slice(place, whole("a place", end, all.length));
  return [typeof part === "string" ? part : part.join(""), place];
}

function stripper(sides: "left" | "right" | "both"): TextMethod {
  return (text, args) => {
    const [chars] = bind("strip()", args, ["chars"]);
    return strip(text, sides, chars === undefined || chars === null ? undefined : textArgument("strip()", chars));
  };
}

function affix(name: string, test: (text: string, part: string) => boolean): TextMethod {
  return (text, args, budget) => {
    const [part, start, end] = bind(name, args, ["part", "start", "end"]);
    const [within] = section(text, start, end);
    const parts =
      part === undefined || typeof part === "string" ? undefined : Array.isArray(part) ? undefined : listItems(part);
    return (parts ?? [part]).some((one) => {
      const wanted = textArgument(name, one);
      budget.spend(1);
      budget.read(wanted.length);
      return test(within, wanted);
    });
  };
}

function finder(name: string, find: (text: string, part: string) => number, mustFind: boolean): TextMethod {
  return (text, args, budget) => {
    const [part, start, end] = bind(name, args, ["part", "start", "end"]);
    const [within, offset] = section(text, start, end);
    const wanted = textArgument(name, part);
    budget.search(within, wanted);
    const found = placeIn(within, find(within, wanted));
    if (found < 0 && mustFind) throw failure("substring not found");
    return found < 0 ? -1 : found + offset;
  };
}

function justify(align: Alignment | "center"): TextMethod {
  return (text, args, budget) => {
    const [width, fill] = bind("the width", args, ["width", "fillchar"]);
    const columns = whole("the width", width, 0);
    budget.text(columns);
    const filling = fill === undefined ? " " : textArgument("fillchar", fill);
    return align === "center" ? center(text, columns, filling) : pad(text, columns, align, " ", filling);
  };
}

/** If the fill is odd, the extra character is where Python puts it: on the left for an odd width. */
export function center(text: string, width: number, fill = " "): string {
  const missing = Math.max(0, width - textLength(text));
  const left = Math.floor(missing / 2) + (missing & width & 1);
  return fill.repeat(left) + text + fill.repeat(missing - left);
}

function splitter(split: (text: string, separator: string | undefined, most: number) => string[]): TextMethod {
  return (text, args, budget) => {
    const [separator, most] = bind("split()", args, ["sep", "maxsplit"]);
    const by = separator === undefined || separator === null ? undefined : textArgument("split()", separator);
    if (by === "") throw failure("empty separator");
    budget.search(text, by ?? "");
    const limit = whole("split()", most, -1);
    const parts = split(text, by, limit < 0 ? Number.POSITIVE_INFINITY : limit);
    budget.spend(parts.length);
    return parts;
  };
}

function divider(find: (text: string, part: string) => number, missing: "first" | "last"): TextMethod {
  return (text, args, budget) => {
    const separator = textArgument("partition()", bind("partition()", args, ["sep"])[0]);
    if (separator === "") throw failure("empty separator");
    budget.search(text, separator);
    const at = find(text, separator);
    if (at < 0) return tupleValue(missing === "first" ? [text, "", ""] : ["", "", text]);
    return tupleValue([text.slice(0, at), separator, text.slice(at + separator.length)]);
  };
}

function join(text: string, args: Arguments, budget: Budget): Value {
  const items = toList(required("join()", "iterable", bind("join()", args, ["iterable"])[0]), budget);
  const texts = items.map((item) => textArgument("an item of join()", item));
  budget.text(texts.reduce((sum, item) => sum + item.length + text.length, 0));
  return texts.join(text);
}

export function replaceText(text: string, from: string, to: string, count: number, budget: Budget): string {
  if (from !== "") {
    budget.search(text, from);
    const parts = splitLeft(text, from, count < 0 ? Number.POSITIVE_INFINITY : count);
    budget.text(text.length + parts.length * to.length);
    return parts.join(to);
  }
  // Python puts the new text before each character and at the end.
  const all = Array.from(text);
  const most = count < 0 ? all.length + 1 : Math.min(count, all.length + 1);
  budget.text(text.length + most * to.length);
  return all.map((char, i) => (i < most ? to + char : char)).join("") + (most > all.length ? to : "");
}

function every(pattern: RegExp): TextMethod {
  return (text) => pattern.test(text);
}

export const textMethods: ReadonlyMap<string, TextMethod> = new Map(
  Object.entries<TextMethod>({
    capitalize: (text) => capitalize(text),
    casefold: (text) => text.toLowerCase().replaceAll("ß", "ss"),
    center: justify("center"),
    count(text, args, budget) {
      const [part, start, end] = bind("count()", args, ["sub", "start", "end"]);
      const [within] = section(text, start, end);
      const sub = textArgument("count()", part);
      budget.search(within, sub);
      return sub === "" ? textLength(within) + 1 : within.split(sub).length - 1;
    },
    endswith: affix("endswith()", (text, part) => text.endsWith(part)),
    expandtabs(text, args, budget) {
      const size = whole("expandtabs()", bind("expandtabs()", args, ["tabsize"])[0], 8);
      budget.text(text.length * Math.max(1, size));
      return text.replace(/[^\n\r]+/g, (line) => {
        let column = 0;
        return Array.from(line, (char) => {
          const part = char === "\t" ? " ".repeat(size > 0 ? size - (column % size) : 0) : char;
          column += char === "\t" ? part.length : 1;
          return part;
        }).join("");
      });
    },
    find: finder("find()", (text, part) => text.indexOf(part), false),
    format: (text, args, budget) => formatBraces(text, args, budget),
    format_map(text, args, budget) {
      const given = required("format_map()", "mapping", bind("format_map()", args, ["mapping"])[0]);
      if (!isDict(given)) throw failure("format_map() takes a mapping");
      const named = new Map([...given.entries.values()].map(([key, value]) => [str(key, budget), value]));
      return formatBraces(text, { positional: [], named }, budget);
    },
    index: finder("index()", (text, part) => text.indexOf(part), true),
    isalnum: every(/^[\p{L}\p{N}]+$/u),
    isalpha: every(/^\p{L}+$/u),
    // eslint-disable-next-line no-control-regex
    isascii: every(/^[\x00-\x7f]*$/),
    isdecimal: every(/^\p{Nd}+$/u),
    isdigit: every(/^[\p{Nd}\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468]+$/u),
    isidentifier: every(/^[\p{ID_Start}_]\p{ID_Continue}*$/u),
    islower: (text) => isCased(text) && text === text.toLowerCase(),
    isnumeric: every(/^\p{N}+$/u),
    isprintable: every(/^(?:\x20|[^\p{C}\p{Z}])*$/u),
    isspace: (text) => text !== "" && strip(text, "both") === "",
    istitle: (text) => isCased(text) && text === titleCase(text),
    isupper: (text) => isCased(text) && text === text.toUpperCase(),
    join,
    ljust: justify("<"),
    lower: (text) => text.toLowerCase(),
    lstrip: stripper("left"),
    partition: divider((text, part) => text.indexOf(part), "first"),
    removeprefix(text, args) {
      const part = textArgument("removeprefix()", bind("removeprefix()", args, ["prefix"])[0]);
      return text.startsWith(part) ? text.slice(part.length) : text;
    },
    removesuffix(text, args) {
      const part = textArgument("removesuffix()", bind("removesuffix()", args, ["suffix"])[0]);
      return text.endsWith(part) ? text.slice(0, text.length - part.length) : text;
    },
    replace(text, args, budget) {
      const [from, to, count] = bind("replace()", args, ["old", "new", "count"]);
      const [old, by] = [textArgument("replace()", from), textArgument("replace()", to)];
      return replaceText(text, old, by, whole("replace()", count, -1), budget);
    },
    rfind: finder("rfind()", (text, part) => text.lastIndexOf(part), false),
    rindex: finder("rindex()", (text, part) => text.lastIndexOf(part), true),
    rjust: justify(">"),
    rpartition: divider((text, part) => text.lastIndexOf(part), "last"),
    rsplit: splitter(splitRight),
    rstrip: stripper("right"),
    split: splitter(splitLeft),
    splitlines(text, args, budget) {
      const lines = splitLines(text, bind("splitlines()", args, ["keepends"])[0] === true);
      budget.spend(lines.length);
      return lines;
    },
    startswith: affix("startswith()", (text, part) => text.startsWith(part)),
    strip: stripper("both"),
    swapcase(text, _args, budget) {
      budget.spend(text.length);
      return swapCase(text);
    },
    title: (text) => titleCase(text),
    upper: (text) => text.toUpperCase(),
    zfill(text, args, budget) {
      const width = whole("zfill()", bind("zfill()", args, ["width"])[0], 0);
      budget.text(width);
      return pad(text, width, "=", "0");
    },
  }),
);
