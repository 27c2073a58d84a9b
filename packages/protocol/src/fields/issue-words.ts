// Owns the sentence for a value that breaks its schema. All schemas use it, however they are written, because zod asks this file for each issue
// whose schema has no message.
import { z } from "zod";
import { boundWords, boundsOf, rangeWords, type Bounds } from "./bounds.ts";

type RawIssue = z.core.$ZodRawIssue;

/** Message of an issue that says nothing specific: a union without a fitting alternative, or a rule without a message. */
export const unspecificWords = "not a valid value";

const mostChoices = 30;
const typeWords: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  int: "an integer",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
  null: "null",
  never: "absent",
  undefined: "absent",
};
const unitWords: Readonly<Record<string, readonly [singular: string, plural: string]>> = {
  string: ["character", "characters"],
  array: ["item", "items"],
  set: ["item", "items"],
  map: ["entry", "entries"],
};
const formatWords: Readonly<Record<string, string>> = {
  datetime: "a time such as 2026-01-31T12:00:00Z",
  date: "a date such as 2026-01-31",
  url: "a URL",
  uuid: "a UUID",
  base64: "base64 text",
  json_string: "JSON",
};

z.config({ localeError: issueWords });

/** @returns what the value must be, and what was sent. Never the text of a string, which can be a prompt or a secret. */
function issueWords(issue: RawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `${missing(issue)}must be ${typeInRange(issue)}${sent(issue.input)}`;
    case "invalid_value":
      return `${missing(issue)}must be ${choices(issue.values)}${typeof issue.input === "string" ? "" : sent(issue.input)}`;
    case "too_big":
    case "too_small":
      return limitWords(issue);
    case "not_multiple_of":
      return `must be a multiple of ${issue.divisor}${sent(issue.input)}`;
    case "invalid_format":
      return `must be ${formatOf(issue)}`;
    case "unrecognized_keys":
      // `invalidArgument` reads the names: zod passes on what is added to an issue.
      issue["known"] = Object.keys(fieldsOf(issue.schema ?? issue.inst));
      return `unknown field ${issue.keys.slice(0, mostChoices).map(quoted).join(", ")}`;
    case "invalid_union": {
      // A union that a tag divides lists the tags.
      const tags: unknown = issue["options"];
      return Array.isArray(tags) && tags.length > 0 ? `must be ${choices(tags)}` : unspecificWords;
    }
    case "invalid_key":
    case "invalid_element":
    case "custom":
    default:
      return unspecificWords;
  }
}

function missing({ input }: RawIssue): string {
  return input === undefined ? "missing; " : "";
}

/** The fields of an object schema. */
function fieldsOf(schema: unknown): object {
  return schema instanceof z.ZodObject ? schema.shape : {};
}

/** Joins the names of types, for a value that may have several: `a string or a list`. */
export function typeNames(types: readonly string[]): string {
  return types.map(typeName).join(" or ");
}

function typeName(type: string): string {
  return typeWords[type] ?? `of the type ${type}`;
}

type LimitIssue = Extract<RawIssue, { code: "too_big" | "too_small" }>;

function typeInRange({ schema, expected }: Extract<RawIssue, { code: "invalid_type" }>): string {
  if (expected !== "number" && expected !== "int") return typeName(expected);
  const bounds = boundsOf(schema);
  const name = typeName(bounds.integer ? "int" : expected);
  const words = boundWords(bounds);
  return words === "" ? name : `${name} ${rangeWords(bounds) ?? `of ${words}`}`;
}

/** Names both bounds of the schema, although the value breaks only one: a sender must not learn the other by a second mistake. */
function limitWords(issue: LimitIssue): string {
  const { input, origin, schema } = issue;
  const bounds = { ...boundsOf(schema), ...brokenBound(issue) };
  const exact = issue.exact === true || bounds.min?.value === bounds.max?.value;
  const range = rangeWords(bounds);
  const units = unitWords[origin];
  if (units === undefined) {
    const type = typeName(bounds.integer ? "int" : "number");
    return `must be ${range === undefined ? boundWords(bounds) : `${type} ${range}`}${sent(input)}`;
  }
  const { value } = bounds.max ?? bounds.min ?? { value: 0 };
  const count = exact ? `exactly ${value}` : (range?.replace("from ", "") ?? boundWords(bounds));
  const [singular, plural] = units;
  const length = typeof input === "string" || Array.isArray(input) ? `, not ${input.length}` : "";
  return `must have ${count} ${value === 1 ? singular : plural}${length}`;
}

/** The schema's bounds leave out those of a safe integer, and those of its refinements. */
function brokenBound(issue: LimitIssue): Bounds {
  if (issue.code === "too_small") {
    return { min: { value: Number(issue.minimum), words: issue.inclusive === false ? "more than" : "at least" } };
  }
  return { max: { value: Number(issue.maximum), words: issue.inclusive === false ? "less than" : "at most" } };
}

function choices(values: readonly unknown[]): string {
  const [first] = values;
  const shown = values.slice(0, mostChoices).map(quoted).join(", ");
  if (values.length === 1) return quoted(first);
  return `one of ${shown}${values.length > mostChoices ? ", …" : ""}`;
}

function formatOf(issue: Extract<RawIssue, { code: "invalid_format" }>): string {
  if (issue.format === "regex") return `text of the form ${String(issue["pattern"])}`;
  if (issue.format === "starts_with") return `text that begins with ${quoted(issue["prefix"])}`;
  if (issue.format === "ends_with") return `text that ends with ${quoted(issue["suffix"])}`;
  if (issue.format === "includes") return `text that contains ${quoted(issue["includes"])}`;
  return formatWords[issue.format] ?? `text of the format ${issue.format}`;
}

function sent(input: unknown): string {
  if (typeof input === "number" || typeof input === "boolean" || input === null) return `, not ${String(input)}`;
  if (typeof input === "string") return input === "" ? ", not an empty string" : ", not a string";
  if (input === undefined) return "";
  return Array.isArray(input) ? ", not a list" : ", not an object";
}

function quoted(value: unknown): string {
  return typeof value === "string" ? `"${value}"` : String(value);
}
