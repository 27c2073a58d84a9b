// Writes tools, calls and results as text, for models whose template does not render them.
import { type ChatMessage, type ChatTool, chatText } from "./conversation.ts";
import type { Syntax } from "../syntax.ts";
import { genericCall } from "../derive/generic.ts";
import { type SpelledCall, spellCalls } from "./spell-call.ts";

/** The example call in the explanation of tools. */
const example: SpelledCall = { name: "function_name", id: "call00000", arguments: { argument: "value" } };

/** Explains the tools, and the syntax of calls. */
export function toolWords(tools: readonly ChatTool[], syntax: Syntax | undefined): string {
  const list = tools.map((tool) => JSON.stringify(tool.function)).join("\n");
  return (
    `You can call these functions, each described by a JSON object:\n${list}\n\n` +
    `To call a function, write its name and its arguments exactly in this form:\n${callsIn(syntax, [example])}\n\n` +
    "You will then be given the result. Call a function only where it helps."
  );
}

/** Writes calls in the format's syntax. If the calls cannot be written in this syntax, writes them in the generic syntax. */
function callsIn(syntax: Syntax | undefined, calls: readonly SpelledCall[]): string {
  const own = syntax === undefined ? undefined : spellCalls(syntax, calls);
  return own ?? spellCalls(genericCall, calls) ?? "";
}

/** Writes an assistant's calls at the end of its text. */
export function callsAsText(message: ChatMessage, syntax: Syntax | undefined): ChatMessage {
  const { tool_calls: calls = [], ...rest } = message;
  if (calls.length === 0) return rest;
  const said = chatText(message.content);
  const told = calls.map(({ id, function: { name, arguments: given } }) => ({ name, id, arguments: given }));
  return { ...rest, content: [...(said === "" ? [] : [said]), callsIn(syntax, told)].join("\n") };
}

/** Writes a tool's result as a user's message. */
export function resultAsText({ content }: ChatMessage, name: string | undefined): ChatMessage {
  const what = name === undefined ? "Result of the function" : `Result of ${name}`;
  return { role: "user", content: `${what}:\n${chatText(content)}` };
}
