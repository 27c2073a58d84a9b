// Owns `str.format()`: fields in braces, with items, conversions and widths. Attributes are not supported.
import type { Budget } from "../budget.ts";
import { failure, unsupported } from "../template-error.ts";
import type { Arguments } from "./arguments.ts";
import { getItem } from "./dict.ts";
import { floatText, type Num } from "./numbers.ts";
import { formatNumber, pad, type Alignment } from "./number-format.ts";
import { repr, str } from "./text.ts";
import { isDict, isFloat, isNumber, typeName, type Value } from "./value.ts";

const token =
  /\{\{|\}\}|\{([^{}[!:]{0,200}(?:\[[^\]]{0,200}\][^{}[!:]{0,200}){0,4})(?:!([rsa]))?(?::((?:[^{}]|\{[^{}]{0,200}\}){0,40}))?\}|[{}]/g;
const specification = /^(?:(.)?([<>=^]))?([-+ ])?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([a-zA-Z%])?$/su;

/** @throws TemplateError failed if the values do not fit the format; unsupported; limit */
export function formatBraces(template: string, args: Arguments, budget: Budget): string {
  let counted = 0;
  const grow = budget.growingText();

  function fieldValue(field: string): Value {
    const [, first = "", rest = ""] = /^([^.[]*)(.*)$/s.exec(field) ?? [];
    let value =
      first === ""
        ? args.positional[counted++]
        : /^\d+$/.test(first)
          ? args.positional[Number(first)]
          : args.named.get(first);
    if (value === undefined) throw failure(`format has no value for {${field}}`);
    for (const [, name, key] of rest.matchAll(/\.([^.[]+)|\[([^\]]*)\]/g)) {
      value = partOf(value, name, key, budget);
    }
    return value;
  }

  // The search for fields is linear, since fields have a maximum length.
  budget.spend(template.length);
  return template.replace(token, (whole, field?: string, conversion?: string, spec?: string) => {
    if (whole === "{{" || whole === "}}") return whole.slice(1);
    if (field === undefined) throw failure("a format has a single brace");
    const value = fieldValue(field);
    const inner = spec?.replace(/\{([^{}]*)\}/g, (_, name: string) => str(fieldValue(name), budget)) ?? "";
    const converted = conversion === "s" ? str(value, budget) : conversion === undefined ? value : repr(value, budget);
    const text = format(converted, inner, budget);
    grow(text.length);
    return text;
  });
}

function partOf(value: Value, name: string | undefined, key = "", budget: Budget): Value {
  if (name !== undefined) throw unsupported("an attribute in a format is not supported");
  const part = isDict(value) ? getItem(value, key, budget) : Array.isArray(value) ? value[Number(key)] : undefined;
  if (part === undefined) throw failure(`format has no value [${key}]`);
  return part;
}

function format(value: Value, spec: string, budget: Budget): string {
  if (spec === "") return str(value, budget);
  const parts = specification.exec(spec);
  if (parts === null) throw failure(`invalid format "${spec.slice(0, 40)}"`);
  const [, fill = " ", align, sign = "-", prefixed, zero, width = "0", group, precision, type] = parts;
  const digits = precision === undefined ? undefined : Number(precision);
  budget.text(Number(width) + (digits ?? 0));
  if (isNumber(value)) {
    const text = numberText(value, type, digits, sign, prefixed !== undefined);
    const grouped =
      group === undefined ? text : text.replace(/^[-+ ]?\d+/, (whole) => whole.replace(/\B(?=(?:\d{3})+$)/g, group));
    const filling = zero === undefined ? fill : "0";
    return pad(grouped, Number(width), (align ?? (zero === undefined ? ">" : "=")) as Alignment, filling, filling);
  }
  if (typeof value !== "string") {
    throw failure(`unsupported format for ${typeName(value)}`);
  }
  if (parts[3] !== undefined || group !== undefined || align === "=")
    throw failure("the format of a text cannot have a sign, a grouping or the alignment =");
  if (type !== undefined && type !== "s") throw failure(`unknown format code '${type}' for ${typeName(value)}`);
  const text = Array.from(str(value, budget)).slice(0, digits).join("");
  return pad(text, Number(width), (align ?? "<") as Alignment, fill, fill);
}

function numberText(
  value: Num,
  type: string | undefined,
  digits: number | undefined,
  sign: string,
  prefixed: boolean,
): string {
  if (type === undefined && isFloat(value)) {
    if (digits !== undefined) throw unsupported("a float's format with a precision and no type is not supported");
    const text = floatText(value.value);
    return text.startsWith("-") || sign === "-" ? text : sign + text;
  }
  const kind = type ?? "d";
  if (digits !== undefined && "dbxXo".includes(kind)) throw failure("the format of an integer cannot have a precision");
  return formatNumber(value, kind, digits, sign, prefixed);
}
