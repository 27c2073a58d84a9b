// Owns Jinja's filters that return texts and numbers.
import type { Budget } from "../budget.ts";
import type { Filter, Runtime } from "../runtime/runtime.ts";
import { failure } from "../template-error.ts";
import { bind, required, type Arguments } from "../values/arguments.ts";
import { strip } from "../values/blanks.ts";
import { capitalize, characters, textLength } from "../values/characters.ts";
import { dictOf } from "../values/dict.ts";
import { toJson } from "../values/json.ts";
import { compute, toDouble, truncate } from "../values/numbers.ts";
import { isTrue, lengthOf, listItems, undefinedError } from "../values/operators.ts";
import { formatPercent } from "../values/percent-format.ts";
import { str } from "../values/text.ts";
import {
  floatValue,
  isFloat,
  isInteger,
  isNumber,
  isUndefined,
  tupleValue,
  typeName,
  type Value,
} from "../values/value.ts";
import { pairsOf } from "./container-methods.ts";
import { splitLines, splitRight } from "./split.ts";
import { center, replaceText, textArgument } from "./text-methods.ts";

/** Makes a filter that works on the text of a value of any type. */
function ofText(convert: (text: string, args: Arguments, runtime: Runtime) => Value): Filter {
  return (value, args, runtime) => {
    const text = str(value, runtime.budget);
    runtime.budget.text(text.length);
    return convert(text, args, runtime);
  };
}

const tojson: Filter = (value, args, { budget }) => {
  const names = ["ensure_ascii", "indent", "separators", "sort_keys"];
  const [ascii = false, indent = null, separators = null, sortKeys = false] = bind("tojson", args, names);
  const given = separators === null ? undefined : listItems(separators);
  const [betweenItems = indent === null ? ", " : ",", afterKey = ": "] = given ?? [];
  const style = {
    ascii: isTrue(ascii),
    indent: indent === null ? undefined : indentText(indent),
    betweenItems: textArgument("separators", betweenItems),
    afterKey: textArgument("separators", afterKey),
    sortKeys: isTrue(sortKeys),
  };
  if (style.indent !== undefined) budget.text(style.indent.length);
  return toJson(value, style, budget);
};

/** Widest indent; no template in use needs more. */
const maxIndent = 1000;

function indentText(indent: Value): string {
  if (typeof indent === "string") return indent;
  if (!isInteger(indent) || Number(indent) > maxIndent) throw failure("indent must be a small integer");
  return " ".repeat(Math.max(0, Number(indent)));
}

const indent: Filter = (value, args, { budget }) => {
  const [width = 4, first = false, blank = false] = bind("indent", args, ["width", "first", "blank"]);
  const text = textArgument("indent", value);
  const by = indentText(width);
  const [head = "", ...lines] = splitLines(`${text}\n`, false);
  budget.text(text.length + by.length * (lines.length + 1));
  const rest = lines.map((line) => `\n${line === "" && !isTrue(blank) ? "" : by}${line}`).join("");
  return (isTrue(first) ? by : "") + head + rest;
};

const truncateText: Filter = (value, args, { budget }) => {
  const names = ["length", "killwords", "end", "leeway"];
  const [length = 255, kill = false, end = "...", leeway = null] = bind("truncate", args, names);
  const tail = textArgument("end", end);
  const slack = leeway === null ? 5 : Number(leeway);
  if (Number(length) < textLength(tail)) throw failure("truncate needs a length of at least its end's length");
  if (lengthOf(value, budget) <= Number(length) + slack) return value;
  const text = textArgument("truncate", value);
  const all = characters(text).slice(0, Number(length) - textLength(tail));
  const cut = typeof all === "string" ? all : all.join("");
  return (isTrue(kill) ? cut : (splitRight(cut, " ", 1)[0] ?? "")) + tail;
};

const toInteger: Filter = (value, args, { budget }) => {
  const [otherwise = 0, base = 10] = bind("int", args, ["default", "base"]);
  if (isUndefined(value)) throw undefinedError(value);
  if (isInteger(value)) return typeof value === "boolean" ? Number(value) : value;
  if (isFloat(value)) return Number.isFinite(value.value) ? truncate(value.value) : otherwise;
  if (typeof value !== "string") return otherwise;
  budget.spend(Math.min(value.length, maxNumberChars));
  const whole = parseInteger(value, Number(base));
  if (whole !== undefined) return whole;
  const number = parseFloatText(value);
  return number === undefined || !Number.isFinite(number) ? otherwise : truncate(number);
};

const prefixes: Readonly<Record<number, RegExp>> = { 2: /^0b/i, 8: /^0o/i, 16: /^0x/i };

function parseInteger(text: string, base: number): number | bigint | undefined {
  if (text.length > maxNumberChars) return undefined;
  const [, sign = "", digits = ""] = /^([-+]?)(\w+)$/.exec(strip(text, "both").replace(/(?<=\d)_(?=\d)/g, "")) ?? [];
  const plain = digits.replace(prefixes[base] ?? /^$/, "");
  if (plain === "") return undefined;
  let value = 0n;
  for (const digit of plain) {
    const one = Number.parseInt(digit, 36);
    if (Number.isNaN(one) || one >= base) return undefined;
    value = value * BigInt(base) + BigInt(one);
  }
  const signed = sign === "-" ? -value : value;
  return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
}

/** Longest text that is parsed as a number. */
const maxNumberChars = 1000;

function parseFloatText(text: string): number | undefined {
  if (text.length > maxNumberChars) return undefined;
  const trimmed = strip(text, "both").replace(/(?<=\d)_(?=\d)/g, "");
  if (/^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i.test(trimmed)) return Number(trimmed);
  const [, sign, word] = /^([-+]?)(inf(?:inity)?|nan)$/i.exec(trimmed) ?? [];
  if (word === undefined) return undefined;
  return word.toLowerCase() === "nan" ? Number.NaN : sign === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

const toFloat: Filter = (value, args) => {
  const [otherwise = floatValue(0)] = bind("float", args, ["default"]);
  if (isUndefined(value)) throw undefinedError(value);
  if (isNumber(value)) return floatValue(toDouble(value));
  const number = typeof value === "string" ? parseFloatText(value) : undefined;
  return number === undefined ? otherwise : floatValue(number);
};

const round: Filter = (value, args) => {
  const [precision = 0, method = "common"] = bind("round", args, ["precision", "method"]);
  if (!isNumber(value)) throw failure(`a ${typeName(value)} cannot be rounded`);
  const factor = 10 ** Number(precision);
  if (method === "ceil") return floatValue(Math.ceil(toDouble(value) * factor) / factor);
  if (method === "floor") return floatValue(Math.floor(toDouble(value) * factor) / factor);
  if (method !== "common") throw failure("the method must be common, ceil or floor");
  if (!isFloat(value)) return typeof value === "boolean" ? Number(value) : value;
  return floatValue(halfToEven(value.value, Number(precision)));
};

/** Rounds the double's exact value, as Python does: 2.675 becomes 2.67, since its double is less than 2.675. */
function halfToEven(value: number, precision: number): number {
  if (!Number.isFinite(value) || precision > maxPrecision || Math.abs(value) >= 1e21) return value;
  if (precision < 0) return evenOf(value * 10 ** precision) / 10 ** precision;
  const exact = value.toFixed(precision + exactDigits);
  if (!/^50*$/.test(exact.slice(-exactDigits))) return Number(value.toFixed(precision));
  const below = exact.slice(0, -exactDigits);
  return /[02468]\.?$/.test(below) ? Number(below) : Number(value.toFixed(precision));
}

/** Highest precision that can change a double. */
const maxPrecision = 20;

/** Number of decimals that distinguishes a tie from every other double. */
const exactDigits = 60;

function evenOf(value: number): number {
  const isTie = Math.abs(value % 1) === 0.5;
  return isTie ? 2 * Math.round(value / 2) : Math.round(value);
}

const urlencode: Filter = (value, _args, { budget }) => {
  if (typeof value === "string" || isNumber(value))
    return percentEncoded(str(value, budget), budget).replaceAll("%2F", "/");
  const encoded = (one: Value): string => percentEncoded(str(one, budget), budget).replaceAll("%20", "+");
  return pairsOf(value, budget)
    .map(([key, item]) => `${encoded(key)}=${encoded(item)}`)
    .join("&");
};

function percentEncoded(text: string, budget: Budget): string {
  budget.text(3 * text.length);
  try {
    const hex = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
    return encodeURIComponent(text).replace(/[!'()*]/g, hex);
  } catch {
    throw failure("a surrogate without its pair cannot be encoded");
  }
}

const htmlEntities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "'": "&#39;",
  '"': "&#34;",
};
const escapeHtml = ofText((text) => text.replace(/[&<>'"]/g, (char) => htmlEntities[char] ?? char));

export const textFilters: Readonly<Record<string, Filter>> = {
  abs(value) {
    if (!isNumber(value)) throw failure(`a ${typeName(value)} has no absolute value`);
    return compute("*", value, toDouble(value) < 0 ? -1 : 1);
  },
  capitalize: ofText(capitalize),
  center: ofText((text, args, { budget }) => {
    const width = Number(bind("center", args, ["width"])[0] ?? 80);
    budget.text(width);
    return center(text, width);
  }),
  e: escapeHtml,
  escape: escapeHtml,
  float: toFloat,
  forceescape: escapeHtml,
  format: ofText((text, { positional, named }, { budget }) => {
    if (named.size > 0 && positional.length > 0) throw failure("format takes values by position or by name, not both");
    return formatPercent(text, named.size > 0 ? dictOf(named, budget) : tupleValue(positional), budget);
  }),
  indent,
  int: toInteger,
  lower: ofText((text) => text.toLowerCase()),
  replace: ofText((text, args, { budget }) => {
    const [from, to, count = null] = bind("replace", args, ["old", "new", "count"]);
    const [old, by] = [required("replace", "old", from), required("replace", "new", to)];
    return replaceText(text, str(old, budget), str(by, budget), count === null ? -1 : Number(count), budget);
  }),
  round,
  safe: ofText((text) => text),
  string: ofText((text) => text),
  title: ofText((text) =>
    text.replace(/[^-\s({[<]+/g, (word) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase()),
  ),
  tojson,
  trim: ofText((text, args) => {
    const [chars = null] = bind("trim", args, ["chars"]);
    return strip(text, "both", chars === null ? undefined : textArgument("trim", chars));
  }),
  truncate: truncateText,
  upper: ofText((text) => text.toUpperCase()),
  urlencode,
  wordcount: ofText((text) => text.match(/[\p{L}\p{N}_]+/gu)?.length ?? 0),
};
