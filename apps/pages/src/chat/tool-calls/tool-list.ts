// Owns parsing the list of tools in the settings, in OpenAI's format as in a request. Pure.
import type { Tool } from "@waggle/protocol";
import { formatCount } from "../../parts/format.ts";

export const toolLimits = { tools: 128, chars: 1_048_576, nameChars: 128 } as const;

export type ReadTools =
  | { readonly kind: "tools"; readonly tools: readonly Tool[] }
  | { readonly kind: "problem"; readonly sentence: string };

export const toolsExample =
  '[{"type": "function", "function": {"name": "get_weather", "description": "The weather in a city.", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]';

export function readTools(text: string): ReadTools {
  if (text.trim() === "") return { kind: "tools", tools: [] };
  if (text.length > toolLimits.chars) return problem(`At most ${formatCount(toolLimits.chars)} characters.`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return problem(`Not JSON: ${(error as Error).message}.`);
  }
  if (!Array.isArray(value)) return problem('Tools are a list: [{"type": "function", "function": {…}}].');
  if (value.length > toolLimits.tools) return problem(`At most ${toolLimits.tools} tools.`);
  for (const [i, tool] of (value as readonly unknown[]).entries()) {
    const wrong = wrongWith(tool);
    if (wrong !== undefined) return problem(`Tool ${i + 1}: ${wrong}`);
  }
  const tools = value as readonly Tool[];
  const names = tools.map((tool) => tool.function.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  return twice === undefined ? { kind: "tools", tools } : problem(`Two tools are called ${twice}.`);
}

/** The problem as a sentence; undefined for a valid tool. */
function wrongWith(tool: unknown): string | undefined {
  if (!isObject(tool) || tool["type"] !== "function") return 'it has no "type": "function".';
  const about = tool["function"];
  if (!isObject(about)) return 'it has no "function" object.';
  const { name, description, parameters } = about;
  if (typeof name !== "string" || !/^[\p{L}\p{M}\p{N}_.:/-]+$/u.test(name) || name.length > toolLimits.nameChars) {
    return `its name has 1 to ${toolLimits.nameChars} letters, digits and _ . : / -`;
  }
  if (description !== undefined && description !== null && typeof description !== "string") {
    return "its description is not a text.";
  }
  if (parameters !== undefined && parameters !== null && !isObject(parameters)) {
    return 'its parameters are not a JSON schema: {"type": "object", …}.';
  }
  return undefined;
}

function problem(sentence: string): ReadTools {
  return { kind: "problem", sentence };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
