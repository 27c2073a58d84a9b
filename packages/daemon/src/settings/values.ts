// Owns how a setting's text becomes a value: whole numbers, durations, sizes, lists.
import { KeepAliveSchema, keepAliveMs } from "@waggle/protocol";
import { z } from "zod";

/** A value's schema. The input is the text of a flag, a variable or the file. Messages complete the sentence "Cannot use --x y: …". */
export type TextSchema<T> = z.ZodType<T, string>;

/** @param expected completes "it must be …" @param parse returns undefined for an invalid text */
export function textSchema<T>(expected: string, parse: (text: string) => T | undefined): TextSchema<T> {
  return z.string().transform((text, context) => {
    const value = parse(text.trim());
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: `it must be ${expected}` });
    return z.NEVER;
  });
}

export function integer(min: number, max: number): TextSchema<number> {
  return textSchema(`a whole number from ${min} to ${max}`, (text) =>
    /^\d{1,15}$/.test(text) ? within(Number(text), min, max) : undefined,
  );
}

/** A decimal number; exponents such as 1e6 are allowed. */
export function decimal(min: number, max: number): TextSchema<number> {
  return textSchema(`a number from ${min} to ${max}`, (text) =>
    /^\d{1,15}(\.\d{1,9})?(e\d{1,2})?$/.test(text) ? within(Number(text), min, max) : undefined,
  );
}

/** A number above 0 and at most 1. */
export function share(): TextSchema<number> {
  return textSchema("a number above 0 and up to 1", (text) =>
    /^\d?(\.\d{1,6})?$/.test(text) && text !== "" ? within(Number(text), Number.MIN_VALUE, 1) : undefined,
  );
}

export function oneOf<const T extends string>(values: readonly T[]): TextSchema<T> {
  return textSchema(`one of ${values.join(", ")}`, (text) => values.find((value) => value === text));
}

export function boolean(): TextSchema<boolean> {
  return textSchema("true or false", (text) => {
    if (["true", "1", "yes", "on"].includes(text.toLowerCase())) return true;
    return ["false", "0", "no", "off"].includes(text.toLowerCase()) ? false : undefined;
  });
}

export function text(minChars: number, maxChars: number): TextSchema<string> {
  return textSchema(`${minChars} to ${maxChars} characters`, (value) =>
    value.length >= minChars && value.length <= maxChars ? value : undefined,
  );
}

/** Items are separated by commas; `--flag a --flag b` becomes `a,b`. */
export function list<T>(expected: string, parse: (item: string) => T | undefined): TextSchema<readonly T[]> {
  return textSchema(`a list of ${expected}`, (value) => {
    const items = value.split(",").map((item) => parse(item.trim()));
    return items.every((item) => item !== undefined) ? items : undefined;
  });
}

/** One item per line; `--flag a --flag b` becomes two lines. */
export function lines<T>(expected: string, parse: (item: string) => T | undefined): TextSchema<readonly T[]> {
  return textSchema(`a list of ${expected}`, (value) => {
    const items = value.split("\n").map((item) => parse(item.trim()));
    return items.every((item) => item !== undefined) ? items : undefined;
  });
}

/** Milliseconds, from the forms of `keep_alive` in requests. Infinity for negative values and values over 24 days. */
export function keepAlive(): TextSchema<number> {
  return textSchema('a number of seconds, or a duration such as "5m"; -1 for ever', (value) => {
    const number = /^-?\d{1,9}$/.test(value) ? Number(value) : value;
    const parsed = KeepAliveSchema.safeParse(number);
    return parsed.success ? keepAliveMs(parsed.data) : undefined;
  });
}

const msPerUnit = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;
type DurationUnit = keyof typeof msPerUnit;

/** Milliseconds from `500ms`, `30s`, `2m`, `1h`; a bare number counts in `bareUnit`. Bounds are texts of the same form. */
export function duration(min: string, max: string, bareUnit: DurationUnit = "s"): TextSchema<number> {
  const bounds = [durationMs(min, bareUnit) ?? 0, durationMs(max, bareUnit) ?? Infinity] as const;
  return textSchema(`a duration from ${min} to ${max} (500ms, 30s, 2m)`, (text) =>
    within(durationMs(text, bareUnit), ...bounds),
  );
}

function durationMs(text: string, bareUnit: DurationUnit): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)?$/.exec(text);
  if (match === null) return undefined;
  const unit = (match[2] as DurationUnit | undefined) ?? bareUnit;
  return Math.round(Number(match[1]) * msPerUnit[unit]);
}

const bytesPerUnit = { KiB: 1_024, MiB: 1_048_576, GiB: 1_073_741_824 } as const;

/** Bytes from `65536`, `64KiB`, `4MiB`, `1GiB`. Bounds are texts of the same form. */
export function byteSize(min: string, max: string): TextSchema<number> {
  const bounds = [parseBytes(min) ?? 0, parseBytes(max) ?? Infinity] as const;
  return textSchema(`a size from ${min} to ${max} (65536, 64KiB, 4MiB)`, (text) => within(parseBytes(text), ...bounds));
}

function parseBytes(text: string): number | undefined {
  const match = /^(\d{1,12})(KiB|MiB|GiB)?$/.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * (match[2] === undefined ? 1 : bytesPerUnit[match[2] as keyof typeof bytesPerUnit]);
}

function within(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}
