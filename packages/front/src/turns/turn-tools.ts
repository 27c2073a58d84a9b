// Owns the tools of a turn: makes a tool of an MCP server a tool of a request, and says what a choice means after the first message.
import type { ServerTool } from "@waggle/mcp";
import type { Tool, ToolChoice } from "@waggle/protocol";

export function toolOf({ functionName, server, description, parameters }: ServerTool): Tool {
  const about = description === "" ? `A tool of the MCP server ${server}.` : description;
  return { type: "function", function: { name: functionName, description: about, parameters: { ...parameters } } };
}

/** A choice that requires a call counts for the first message only, but its list of allowed tools counts for all. */
export function laterChoice(choice: ToolChoice | null | undefined): ToolChoice {
  if (typeof choice !== "object" || choice?.type !== "allowed_tools") return "auto";
  return { ...choice, allowed_tools: { ...choice.allowed_tools, mode: "auto" } };
}
