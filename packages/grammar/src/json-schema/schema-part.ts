// Reads keywords of a schema and checks that each value has the type that JSON Schema requires.
import { UnsupportedSchemaError } from "../rules/errors.ts";

/** A schema that is an object, and its pointer. */
export interface SchemaPart {
  /** JSON Pointer from the root of the schema. */
  readonly path: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

export function has(part: SchemaPart, keyword: string): boolean {
  return Object.hasOwn(part.schema, keyword);
}

/** @returns the keyword's value, or undefined without the keyword */
export function keywordValue(part: SchemaPart, keyword: string): unknown {
  return has(part, keyword) ? part.schema[keyword] : undefined;
}

export function refuse(part: SchemaPart, keyword: string, reason: string): UnsupportedSchemaError {
  return new UnsupportedSchemaError(pathOf(part, keyword), keyword, reason);
}

export function pathOf(part: SchemaPart, ...keys: readonly (string | number)[]): string {
  return [part.path, ...keys.map(escapePointer)].join("/");
}

export function escapePointer(key: string | number): string {
  const text = String(key);
  return /[~/]/.test(text) ? text.replaceAll("~", "~0").replaceAll("/", "~1") : text;
}

export function numberOf(part: SchemaPart, keyword: string): number | undefined {
  const value = keywordValue(part, keyword);
  if (value === undefined || (typeof value === "number" && Number.isFinite(value))) return value;
  throw refuse(part, keyword, "must be a number");
}

/** Reads a keyword that is a number of items, members or characters. */
export function countOf(part: SchemaPart, keyword: string, highest: number): number | undefined {
  const value = numberOf(part, keyword);
  if (value === undefined) return undefined;
  if (!Number.isInteger(value) || value < 0) throw refuse(part, keyword, "must be a whole number, not below 0");
  if (value > highest) throw refuse(part, keyword, `is more than ${highest}`);
  return value;
}

/** The limits of all parts for a number of items, members or characters. A maximum above `highest` becomes `highest`. Without a maximum: Infinity. */
export function countsOf(
  parts: readonly SchemaPart[],
  least: string,
  most: string,
  highest: number,
): { readonly min: number; readonly max: number } {
  const min = Math.max(0, ...parts.map((part) => countOf(part, least, highest) ?? 0));
  const maxima = parts.flatMap((part) => countOf(part, most, Infinity) ?? []);
  return { min, max: Math.min(...maxima.map((value) => Math.min(value, highest))) };
}

export function keywordText(part: SchemaPart, keyword: string): string | undefined {
  const value = keywordValue(part, keyword);
  if (value === undefined || typeof value === "string") return value;
  throw refuse(part, keyword, "must be a string");
}

export function keywordList(part: SchemaPart, keyword: string, longest: number): readonly unknown[] | undefined {
  const value = keywordValue(part, keyword);
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw refuse(part, keyword, "must be an array");
  if (value.length > longest) throw refuse(part, keyword, `has more than ${longest} entries`);
  const list: readonly unknown[] = value;
  return list;
}

export function namesOf(part: SchemaPart, keyword: string, most: number): readonly string[] {
  const value = keywordValue(part, keyword);
  if (value === undefined) return [];
  if (!isRecord(value)) throw refuse(part, keyword, "must be an object");
  const names = Object.keys(value);
  if (names.length > most) throw refuse(part, keyword, `has more than ${most} entries`);
  return names;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
