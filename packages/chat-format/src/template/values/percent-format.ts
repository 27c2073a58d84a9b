// Owns the operator `%` of texts, which formats values.
import type { Budget } from "../budget.ts";
import { failure } from "../template-error.ts";
import { getItem } from "./dict.ts";
import { formatNumber, pad } from "./number-format.ts";
import { repr, str } from "./text.ts";
import { isDict, isFloat, isNumber, isUndefined, valueKind, typeName, type Tuple, type Value } from "./value.ts";

const field = /%(?:\(([^)]{0,200})\))?([-+ #0]{0,5})(\*|\d+)?(?:\.(\*|\d+))?[hlL]?([a-zA-Z%])?/g;

/** @throws TemplateError failed if the values do not fit the format; limit */
export function formatPercent(template: string, values: Value, budget: Budget): string {
  const isTuple = valueKind(values) === "tuple";
  const given = isTuple ? (values as Tuple).items : [values];
  let used = 0;
  let named = false;
  const grow = budget.growingText();
  // The search for fields is linear, since fields have a maximum length.
  budget.spend(template.length);

  function next(): Value {
    const value = given[used];
    used += 1;
    if (value === undefined) throw failure("not enough arguments for format string");
    return value;
  }

  function byName(name: string): Value {
    named = true;
    if (!isDict(values)) throw failure("format requires a mapping");
    const value = getItem(values, name, budget);
    if (value === undefined) throw failure(`format has no value "${name}"`);
    return value;
  }

  const text = template.replace(
    field,
    (_whole, name?: string, flags = "", width?: string, precision?: string, type?: string) => {
      if (type === "%") return "%";
      const columns = width === "*" ? Number(next()) : Number(width ?? 0);
      const digits = precision === "*" ? Number(next()) : precision === undefined ? undefined : Number(precision);
      const value = name === undefined ? next() : byName(name);
      grow(Math.max(columns, digits ?? 0));
      const written = convert(value, type, flags as string, digits, budget);
      grow(written.length);
      return pad(
        written,
        columns,
        (flags as string).includes("-") ? "<" : (flags as string).includes("0") && isNumber(value) ? "=" : ">",
        "0",
      );
    },
  );
  if (!named && used < given.length && !(isDict(values) || Array.isArray(values) || isUndefined(values))) {
    throw failure("not all arguments converted during string formatting");
  }
  return text;
}

function convert(
  value: Value,
  type: string | undefined,
  flags: string,
  digits: number | undefined,
  budget: Budget,
): string {
  if (type === "s") return str(value, budget).slice(0, digits);
  if (type === "r" || type === "a") return repr(value, budget).slice(0, digits);
  const kind = type === "i" || type === "u" ? "d" : type;
  if (kind === undefined || !"dxXofFeEgG".includes(kind)) throw failure("unsupported format character");
  if (!isNumber(value)) throw failure(`%${kind} format: a number is required, not ${typeName(value)}`);
  const whole = "dxXo".includes(kind);
  const number = whole && isFloat(value) ? Math.trunc(value.value) : value;
  return formatNumber(
    number,
    kind,
    digits,
    flags.includes("+") ? "+" : flags.includes(" ") ? " " : "-",
    flags.includes("#"),
  );
}
