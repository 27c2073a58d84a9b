// Makes a tool of an MCP server a tool of a request.
import type { ServerTool } from "@waggle/mcp";
import type { Tool } from "@waggle/protocol";

export function toolOf({ functionName, server, description, parameters }: ServerTool): Tool {
  const about = description === "" ? `A tool of the MCP server ${server}.` : description;
  return { type: "function", function: { name: functionName, description: about, parameters: { ...parameters } } };
}
