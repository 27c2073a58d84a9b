// Reads a server's list of tools, entry by entry, with names that every model can call and within limits: an entry that cannot be offered does not
// cost the others.
import { wellFormed } from "./call-outcome.ts";
import { countValues, isObject, isWithinDepth } from "./json.ts";
import type { JsonObject } from "./json.ts";
import { toolLimits as limits } from "./limits.ts";
import { paramHeadersOf } from "./param-headers.ts";

export interface ServerTool {
  /** The server's name, two underscores, and the tool's name. */
  readonly functionName: string;
  readonly server: string;
  readonly name: string;
  readonly description: string;
  readonly parameters: JsonObject;
  /** Whether the operator lists the tool as needing no consent. */
  readonly allowed: boolean;
}

export interface ToolList {
  readonly tools: readonly ServerTool[];
  /** The tools that are not offered, each once, as "name: why". */
  readonly leftOut: readonly string[];
}

/**
 * @param listed the entries of all pages
 * @param hasHeaders whether calls repeat parameters as headers
 */
export function toolListOf(
  server: string,
  listed: readonly unknown[],
  alwaysAllow: ReadonlySet<string>,
  hasHeaders = false,
): ToolList {
  const tools = new Map<string, ServerTool>();
  const leftOut = new Map<string, string>();
  let chars = 0;
  let values = 0;
  for (const [index, entry] of listed.slice(0, limits.listed).entries()) {
    const { name, description, inputSchema } = isObject(entry) ? entry : {};
    const shown = typeof name === "string" && name !== "" ? name : `entry ${index + 1}`;
    // Servers with a cursor that does not advance repeat their tools.
    if (tools.has(shown)) continue;
    const parameters = parametersOf(inputSchema);
    const length = typeof parameters === "string" ? 0 : JSON.stringify(parameters).length;
    const count = length > limits.parametersChars ? 0 : countValues(parameters);
    const problem = toolProblem();
    if (problem !== undefined || typeof parameters === "string") {
      const key = wellFormed(shown.slice(0, limits.nameChars));
      if (leftOut.size < limits.tools && !tools.has(key)) leftOut.set(key, problem ?? "its parameters cannot be read");
      continue;
    }
    leftOut.delete(shown);
    chars += length;
    values += count;
    tools.set(shown, {
      functionName: `${server}__${shown}`,
      server,
      name: shown,
      description: typeof description === "string" ? wellFormed(description.slice(0, limits.descriptionChars)) : "",
      parameters,
      allowed: alwaysAllow.has(shown),
    });

    function toolProblem(): string | undefined {
      if (shown !== name) return "it has no name";
      if (!/^[A-Za-z0-9_.-]+$/.test(name)) return "its name has other characters than letters, digits, _, . and -";
      if (`${server}__${name}`.length > limits.nameChars)
        return `its name with the server's has more than ${limits.nameChars} characters`;
      if (typeof parameters === "string") return parameters;
      if (length > limits.parametersChars) return `its parameters have more than ${limits.parametersChars} characters`;
      const headers = hasHeaders ? paramHeadersOf(parameters) : undefined;
      if (typeof headers === "string") return headers;
      if (chars + length > limits.allParametersChars)
        return `the parameters of all tools have more than ${limits.allParametersChars} characters`;
      if (values + count > limits.allParametersValues)
        return `the parameters of all tools have more than ${limits.allParametersValues} values`;
      return tools.size < limits.tools ? undefined : `the server has more than ${limits.tools} tools`;
    }
  }
  return { tools: [...tools.values()], leftOut: Array.from(leftOut, ([name, why]) => `${name}: ${why}`) };
}

/** A tool without a schema takes an empty object. @returns the problem as a text */
function parametersOf(schema: unknown): JsonObject | string {
  if (schema === undefined || schema === null) return { type: "object" };
  if (!isObject(schema)) return "its parameters are no object";
  if (!isWithinDepth(schema, limits.parametersDepth))
    return `its parameters have more than ${limits.parametersDepth} levels`;
  const { type = "object" } = schema;
  return type === "object" ? { ...schema, type } : "its parameters are not of type object";
}
