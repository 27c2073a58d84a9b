// Owns parsing JSON that is typed in the settings, above all the list of tools, in OpenAI's format as in a request. Pure.
import type { Tool } from "@waggle/protocol";
import { formatCount } from "../../parts/format.ts";

export const toolLimits = { tools: 128, chars: 1_048_576, nameChars: 128 } as const;

export const toolsExample =
  '[{"type": "function", "function": {"name": "get_weather", "description": "The weather in a city.", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]';

/** @throws Error whose message is a sentence */
export function readTools(text: string): readonly Tool[] {
  const value = readJson(text, []);
  if (!Array.isArray(value)) throw new Error('Tools are a list: [{"type": "function", "function": {…}}].');
  if (value.length > toolLimits.tools) throw new Error(`At most ${toolLimits.tools} tools.`);
  const wrong = value.map(wrongWith).findIndex(Boolean);
  if (wrong >= 0) throw new Error(`Tool ${wrong + 1}: ${wrongWith(value[wrong])}`);
  const tools = value as readonly Tool[];
  const names = tools.map((tool) => tool.function.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new Error(`Two tools are called ${twice}.`);
  return tools;
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

/**
 * @param otherwise the value of an empty text
 * @throws Error whose message is a sentence
 */
export function readJson(text: string, otherwise: unknown): unknown {
  if (text.trim() === "") return otherwise;
  if (text.length > toolLimits.chars) throw new Error(`At most ${formatCount(toolLimits.chars)} characters.`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`Not JSON: ${(error as Error).message}.`, { cause: error });
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
