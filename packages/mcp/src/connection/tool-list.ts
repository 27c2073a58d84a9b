// Makes the list of a server's tools, with names that every model can call and within limits on number and size.
import type { Tool as ListedTool } from "@modelcontextprotocol/sdk/types.js";

import { wellFormed } from "./call-outcome.ts";

export const toolLimits = {
  /** Tools of one server. */
  tools: 128,
  /** Characters of a tool's name with its server's name. */
  nameChars: 64,
  descriptionChars: 4_096,
  /** Characters of a tool's parameters, as JSON. */
  parametersChars: 32_768,
} as const;

export interface ServerTool {
  /** The server's name, two underscores, and the tool's name. */
  readonly functionName: string;
  readonly server: string;
  readonly name: string;
  readonly description: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Whether the operator lists the tool as needing no consent. */
  readonly allowed: boolean;
}

export interface ToolList {
  readonly tools: readonly ServerTool[];
  /** Names of the tools that are not offered: the name or the parameters are too long, the name has other characters, or there are too many tools. */
  readonly leftOut: readonly string[];
}

export function toolListOf(server: string, listed: readonly ListedTool[], alwaysAllow: ReadonlySet<string>): ToolList {
  const tools = new Map<string, ServerTool>();
  const leftOut: string[] = [];
  for (const { name, description = "", inputSchema } of listed) {
    const functionName = `${server}__${name}`;
    const fits =
      tools.size < toolLimits.tools &&
      !tools.has(name) &&
      /^[A-Za-z0-9_.-]+$/.test(name) &&
      functionName.length <= toolLimits.nameChars &&
      JSON.stringify(inputSchema).length <= toolLimits.parametersChars;
    if (fits) {
      tools.set(name, {
        functionName,
        server,
        name,
        description: wellFormed(description.slice(0, toolLimits.descriptionChars)),
        parameters: inputSchema,
        allowed: alwaysAllow.has(name),
      });
    } else if (leftOut.length < toolLimits.tools) leftOut.push(name.slice(0, toolLimits.nameChars));
  }
  return { tools: [...tools.values()], leftOut };
}
