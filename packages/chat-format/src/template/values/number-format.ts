// Formats numbers for the operator `%` and for `format()`.
import { failure } from "../template-error.ts";
import { floatText, toDouble, type Num } from "./numbers.ts";
import { isFloat } from "./value.ts";

/** JavaScript's limit for `toFixed` and `toExponential`. */
const maxDigits = 100;
const defaultDigits = 6;
const radixOf: Readonly<Record<string, number>> = { d: 10, b: 2, o: 8, x: 16, X: 16 };

export type Alignment = "<" | ">" | "^" | "=";

/** @param align `=`: the fill is after the sign */
export function pad(text: string, width: number, align: Alignment, fillAfterSign: string, fill = " "): string {
  const missing = width - Array.from(text).length;
  if (missing <= 0) return text;
  switch (align) {
    case "<":
      return text + fill.repeat(missing);
    case ">":
      return fill.repeat(missing) + text;
    case "^":
      return fill.repeat(Math.floor(missing / 2)) + text + fill.repeat(Math.ceil(missing / 2));
    case "=": {
      const sign = /^[-+ ]?(?:0[xXob](?=\w))?/.exec(text)?.[0] ?? "";
      return sign + fillAfterSign.repeat(missing) + text.slice(sign.length);
    }
  }
}

/** @throws TemplateError failed for an invalid format */
export function formatNumber(
  value: Num,
  type: string,
  digits: number | undefined,
  plus: string,
  prefixed: boolean,
): string {
  const isNegative = toDouble(value) < 0;
  const sign = isNegative ? "-" : plus === "-" ? "" : plus;
  const radix = radixOf[type];
  if (radix !== undefined) {
    if (isFloat(value)) throw failure(`unknown format code '${type}' for a float`);
    const whole = BigInt(value);
    const written = (whole < 0n ? -whole : whole).toString(radix).padStart(digits ?? 0, "0");
    const prefix = prefixed && radix !== 10 ? `0${type}` : "";
    return sign + prefix + (type === "X" ? written.toUpperCase() : written);
  }
  return sign + formatFloat(Math.abs(toDouble(value)), type, digits);
}

function formatFloat(value: number, type: string, given: number | undefined): string {
  const digits = given ?? defaultDigits;
  if (digits > maxDigits) throw failure(`a number's format has more than ${maxDigits} digits`);
  if (!Number.isFinite(value)) return floatText(value);
  const text = unsigned(value, type.toLowerCase(), digits);
  return type === type.toUpperCase() && type !== "%" ? text.toUpperCase() : text;
}

function unsigned(value: number, type: string, digits: number): string {
  switch (type) {
    case "f":
      return fixed(value, digits);
    case "%":
      return `${fixed(value * 100, digits)}%`;
    case "e":
      return twoDigitExponent(value.toExponential(digits));
    case "g": {
      const significant = Math.max(1, digits);
      const exponent = value === 0 ? 0 : Number(value.toExponential(significant - 1).split("e")[1]);
      const written =
        exponent < -4 || exponent >= significant
          ? value.toExponential(significant - 1)
          : fixed(value, significant - 1 - exponent);
      return twoDigitExponent(written.replace(/\.?0+(?=e|$)/, (zeros) => (written.includes(".") ? "" : zeros)));
    }
    default:
      throw failure(`unknown format code '${type}'`);
  }
}

/** Formats a number without an exponent; JavaScript's toFixed writes large numbers with an exponent, unlike Python. */
function fixed(value: number, digits: number): string {
  if (value < 1e21) return value.toFixed(digits);
  return BigInt(value).toString() + (digits > 0 ? `.${"0".repeat(digits)}` : "");
}

function twoDigitExponent(text: string): string {
  return text.replace(/e([-+])(\d)$/, "e$10$2");
}
