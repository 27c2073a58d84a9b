// Maps a request's tools to functions, the only kind that the model knows, and function names back to tools: functions, custom tools whose input is
// free text, and both of them in namespaces.
import { unsupported } from "../../body/fields.ts";
import type { ResponseClientTool, ResponseTool, ResponseToolChoice, Tool, ToolChoice } from "@waggle/protocol";

/** A tool as its client knows it. */
export interface ClientTool {
  readonly type: "function" | "custom";
  readonly name: string;
  readonly namespace?: string | undefined;
}

export interface Toolbox {
  /** All tools as functions, in the order of the request. */
  readonly functions: readonly Tool[];
  readonly choice: ToolChoice | undefined;
  /** Where the request has the parameters of one of `functions`. */
  fieldOf(index: number): string;
  /** What the client calls this function. */
  fromFunctionName(name: string): ClientTool;
}

interface Offer {
  readonly tool: ResponseClientTool;
  readonly namespace?: string;
  readonly field: string;
}

/** What the input of a custom tool is called inward: the one argument of its function. */
export const customArgument = "input";

const customParameters = {
  type: "object",
  properties: { [customArgument]: { type: "string" } },
  required: [customArgument],
  additionalProperties: false,
} as const;

/** How a client names a tool in a choice or a call. */
type ToolName = Pick<ClientTool, "name"> & { readonly namespace?: string | null | undefined };

/** Inward a namespace goes before the name. */
export function toFunctionName({ name, namespace }: ToolName): string {
  if (namespace == null) return name;
  return namespace.endsWith("__") ? `${namespace}${name}` : `${namespace}__${name}`;
}

/** @throws WaggleError invalid_argument when a call is due that no tool allows */
export function toolboxOf(
  tools: readonly ResponseTool[] | null | undefined,
  choice: ResponseToolChoice | null | undefined,
): Toolbox {
  const offers = offersOf(tools ?? []);
  const byName = new Map<string, ClientTool>(
    offers.map(({ tool: { type, name }, namespace }) => [
      toFunctionName({ name, namespace }),
      { type, name, namespace },
    ]),
  );
  return {
    functions: offers.map(functionOf),
    choice: offers.length === 0 && choice === "auto" ? undefined : choiceOf(choice),
    fieldOf: (index) => `${offers[index]?.field ?? "tools"}.parameters`,
    fromFunctionName: (name) => byName.get(name) ?? { type: "function", name },
  };
}

function offersOf(tools: readonly ResponseTool[]): readonly Offer[] {
  return tools.flatMap((tool, index): Offer[] => {
    const field = `tools.${index}`;
    if (tool.type === "server") return [];
    if (tool.type !== "namespace") return [{ tool, field }];
    return tool.tools.map((inner, at) => ({ tool: inner, namespace: tool.name, field: `${field}.tools.${at}` }));
  });
}

function functionOf({ tool, namespace }: Offer): Tool {
  const name = toFunctionName({ name: tool.name, namespace });
  if (tool.type === "function") {
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
  // Tools that OpenAI's servers run have no name, and cannot be called here.
  const named = tools.flatMap(({ name, namespace }) => (name == null ? [] : [namedTool({ name, namespace })]));
  if (named.length > 0) return { type: "allowed_tools", allowed_tools: { mode, tools: named } };
  if (mode === "auto") return "none";
  throw unsupported("tool_choice", "it allows no tool that is on offer");
}

function namedTool(tool: ToolName): Extract<ToolChoice, { type: "function" }> {
  return { type: "function", function: { name: toFunctionName(tool) } };
}
