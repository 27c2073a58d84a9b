// Reads which parameters of a tool the requests of MCP 2026-07-28 repeat as headers, `x-mcp-header` in its schema, and writes these headers.
import { isObject, isWithinDepth } from "./json.ts";
import type { JsonObject } from "./json.ts";
import { toolLimits as limits } from "./limits.ts";

/** The path of each parameter, by the name of its header in lower case. */
export type ParamHeaders = ReadonlyMap<string, readonly string[]>;

const mark = "x-mcp-header";
const primitives: readonly unknown[] = ["string", "integer", "boolean"];
/** Keywords whose values are not schemas. */
const dataKeywords = new Set(["const", "default", "enum", "examples"]);

/** @returns the problem as a text if a mark is invalid: the specification forbids to call such a tool */
export function paramHeadersOf(schema: unknown): ParamHeaders | string {
  const found = new Map<string, readonly string[]>();
  return (isWithinDepth(schema, limits.parametersDepth) ? schemaProblem(schema, []) : undefined) ?? found;

  /** @param path undefined where a call has no single value */
  function schemaProblem(value: unknown, path: readonly string[] | undefined): string | undefined {
    if (Array.isArray(value)) return firstProblem(value, (inner) => schemaProblem(inner, undefined));
    if (!isObject(value)) return undefined;
    return (
      problemOfMark(value, path) ??
      firstProblem(Object.entries(value), ([keyword, inner]) => {
        if (keyword !== "properties" || !isObject(inner))
          return dataKeywords.has(keyword) ? undefined : schemaProblem(inner, undefined);
        return firstProblem(Object.entries(inner), ([name, property]) =>
          schemaProblem(property, path && [...path, name]),
        );
      })
    );
  }

  function problemOfMark(schema: JsonObject, path: readonly string[] | undefined): string | undefined {
    if (!Object.hasOwn(schema, mark)) return undefined;
    const { [mark]: name, type } = schema;
    if (typeof name !== "string" || !/^[\w!#$%&'*+.^`|~-]+$/.test(name)) return `its ${mark} is no name of a header`;
    if (path === undefined || path.length === 0)
      return `its ${mark} is not at a property that a path of properties reaches`;
    const types = [type].flat().filter((one) => one !== "null");
    if (types.length === 0 || !types.every((one) => primitives.includes(one)))
      return `its ${mark} is at a parameter that is no string, integer or boolean`;
    const header = `mcp-param-${name.toLowerCase()}`;
    if (found.has(header)) return `two of its parameters have the same ${mark}`;
    found.set(header, path);
    return undefined;
  }
}

/** The headers of a call: one for each parameter with a value. */
export function headersOfCall(named: ParamHeaders, given: JsonObject): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [header, path] of named) {
    let value: unknown = given;
    for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
    if (typeof value === "string" || typeof value === "boolean" || Number.isSafeInteger(value))
      headers[header] = headerText(String(value));
  }
  return headers;
}

/** A text that a header cannot have as it is becomes base64. */
export function headerText(text: string): string {
  const isPlain = /^(?:[!-~](?:[ -~]*[!-~])?)?$/.test(text) && !/^=\?base64\?.*\?=$/.test(text);
  return isPlain ? text : `=?base64?${Buffer.from(text, "utf8").toString("base64")}?=`;
}

function firstProblem<T>(values: readonly T[], problemOf: (value: T) => string | undefined): string | undefined {
  for (const value of values) {
    const problem = problemOf(value);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
