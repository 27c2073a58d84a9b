// Owns tools for models whose template knows none: they are described in words, and calls and results are told as text.
import type { TemplateMessage, TemplateTool } from "@waggle/engine";

/** Whether the template has a way of its own to show tools. */
export function knowsTools(source: string | undefined): boolean {
  return source !== undefined && /\btools\b/.test(source);
}

/** The same conversation in system, user and assistant turns alone. */
export function withoutTools(messages: readonly TemplateMessage[], tools: readonly TemplateTool[]): TemplateMessage[] {
  const turns = messages.map(asPlainTurn);
  if (tools.length === 0) return turns;
  const [first, ...rest] = turns;
  const description = describe(tools);
  if (first?.role === "system") return [{ ...first, content: `${first.content}\n\n${description}` }, ...rest];
  return [{ role: "system", content: description }, ...turns];
}

function describe(tools: readonly TemplateTool[]): string {
  const list = tools.map((tool) => JSON.stringify(tool.function)).join("\n");
  return (
    `You can call these functions, given as JSON:\n${list}\n\n` +
    'To call one, answer with <tool_call>{"name": "its name", "arguments": {…}}</tool_call> and nothing else.'
  );
}

function asPlainTurn(message: TemplateMessage): TemplateMessage {
  const { role, content, tool_calls: calls = [] } = message;
  if (role === "tool") return { role: "user", content: `Result of the call: ${content}` };
  const told = calls.map(
    ({ function: { name, arguments: args } }) => `<tool_call>${JSON.stringify({ name, arguments: args })}</tool_call>`,
  );
  return { role, content: [...(content === "" ? [] : [content]), ...told].join("\n") };
}
