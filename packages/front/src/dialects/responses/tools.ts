// Maps a request's tools to functions, the only tools that models know, and function names back to tools. Tools are functions, custom tools with
// free text as input, namespaces of both, and a search for tools.
import type { ServerTool } from "@waggle/mcp";
import { toolOf } from "../../calls/tool-lookup.ts";
import { customArgument } from "../../conversation/parts.ts";
import { refuseField, requestLimits } from "@waggle/protocol";
import type {
  ResponseClientTool,
  ResponseItem,
  ResponseTool,
  ResponseToolChoice,
  Tool,
  ToolChoice,
} from "@waggle/protocol";

/** A tool as its client knows it. */
export interface ClientTool {
  readonly type: "function" | "custom" | "tool_search" | "mcp";
  readonly name: string;
  /** The MCP server of the tool. */
  readonly server?: string | undefined;
  readonly namespace?: string | undefined;
}

export interface Toolbox {
  /** All tools as functions, in the order of the request. */
  readonly functions: readonly Tool[];
  readonly choice: ToolChoice | undefined;
  /** The request's field with the parameters of this function. */
  fieldOf(index: number): string;
  /** The client's tool for this function name. */
  fromFunctionName(name: string): ClientTool;
}

interface Offer {
  readonly tool: ResponseClientTool;
  readonly namespace?: string;
  readonly field: string;
}

const customParameters = {
  type: "object",
  properties: { [customArgument]: { type: "string" } },
  required: [customArgument],
  additionalProperties: false,
} as const;

/** A tool's name in a choice or a call. */
type ToolName = Pick<ClientTool, "name"> & { readonly namespace?: string | null | undefined };

/** The name of the tool's function, with the namespace as prefix. */
export function toFunctionName({ name, namespace }: ToolName): string {
  if (namespace == null) return name;
  return namespace.endsWith("__") ? `${namespace}${name}` : `${namespace}__${name}`;
}

/**
 * The tools of the request, and those in its items. A tool in an item replaces an earlier one of the same name, since clients repeat their tools.
 * The tools of a namespace join those of an earlier one, since each search finds only some of them.
 * @throws WaggleError invalid_argument beyond the limit on tools
 */
export function withItemTools(
  tools: readonly ResponseTool[] | null | undefined,
  items: readonly ResponseItem[],
): ResponseTool[] {
  const found = items.flatMap((item) =>
    item.type === "additional_tools" || item.type === "tool_search_output" ? item.tools : [],
  );
  return unionOf(tools ?? [], found);
}

function unionOf<T extends ResponseTool>(known: readonly T[], found: readonly T[]): T[] {
  const all = [...known];
  for (const tool of found) {
    const key = toolKey(tool);
    const at = key === undefined ? -1 : all.findIndex((other) => toolKey(other) === key);
    const earlier = all[at];
    if (earlier === undefined) all.push(tool);
    else if (earlier.type !== "namespace" || tool.type !== "namespace") all[at] = tool;
    else all[at] = { ...tool, tools: unionOf(earlier.tools, tool.tools) };
  }
  if (all.length > requestLimits.tools) throw refuseField("input", `it has more than ${requestLimits.tools} tools`);
  return all;
}

/** Tools with the same key replace each other. The model knows functions and custom tools alike by their name. */
function toolKey(tool: ResponseTool): string | undefined {
  if (tool.type === "server") return undefined;
  if (tool.type === "mcp") return `mcp ${tool.server_label}`;
  return tool.type === "namespace" ? `namespace ${tool.name}` : tool.name;
}

/** @throws WaggleError invalid_argument if a call is required, but no allowed tool can be called */
export function toolboxOf(
  tools: readonly ResponseTool[] | null | undefined,
  choice: ResponseToolChoice | null | undefined,
  mcpTools: readonly ServerTool[] = [],
): Toolbox {
  const offers = offersOf(tools ?? []);
  const byName = new Map<string, ClientTool>(
    offers.map(({ tool: { type, name }, namespace }) => [
      toFunctionName({ name, namespace }),
      { type, name, namespace },
    ]),
  );
  for (const { functionName, server, name } of mcpTools) byName.set(functionName, { type: "mcp", name, server });
  const functions = [...offers.map(functionOf), ...mcpTools.map(toolOf)];
  return {
    functions,
    choice: choiceOf(choice),
    fieldOf: (index) => `${offers[index]?.field ?? "tools"}.parameters`,
    fromFunctionName: (name) => byName.get(name) ?? { type: "function", name },
  };
}

function offersOf(tools: readonly ResponseTool[]): readonly Offer[] {
  return tools.flatMap((tool, index): Offer[] => {
    const field = `tools.${index}`;
    if (tool.type === "server" || tool.type === "mcp") return [];
    if (tool.type !== "namespace") return [{ tool, field }];
    return tool.tools.map((inner, at) => ({ tool: inner, namespace: tool.name, field: `${field}.tools.${at}` }));
  });
}

function functionOf({ tool, namespace }: Offer): Tool {
  const name = toFunctionName({ name: tool.name, namespace });
  if (tool.type !== "custom") {
    const { description, parameters, strict } = tool;
    return { type: "function", function: { name, description, parameters, strict } };
  }
  return { type: "function", function: { name, description: customDescription(tool), parameters: customParameters } };
}

/** Adds the grammar to the description, so that the model may follow it. */
function customDescription({ description, format }: Extract<ResponseClientTool, { type: "custom" }>): string {
  const about = description ?? "";
  if (format?.type !== "grammar") return about;
  return `${about}\n\nThe input is text of this ${format.syntax} grammar:\n${format.definition}`.trimStart();
}

function choiceOf(choice: ResponseToolChoice | null | undefined): ToolChoice | undefined {
  if (choice == null) return undefined;
  if (typeof choice === "string") return choice;
  if (choice.type !== "allowed_tools") return namedTool(choice);
  const { mode, tools } = choice;
  // Tools that OpenAI's servers run have no name, and cannot be called.
  const named = tools.flatMap(({ name, namespace }) => (name == null ? [] : [namedTool({ name, namespace })]));
  if (named.length > 0) return { type: "allowed_tools", allowed_tools: { mode, tools: named } };
  if (mode === "auto") return "none";
  throw refuseField("tool_choice", "it allows no tool of the request");
}

function namedTool(tool: ToolName): Extract<ToolChoice, { type: "function" }> {
  return { type: "function", function: { name: toFunctionName(tool) } };
}
