// Finds the variable that switches thinking in a template, with its values for on and off.
import { answerStart } from "../answer.ts";
import type { ChatFormat, ThinkingSwitch } from "../format.ts";
import { type Render, user } from "./conversations.ts";

/** Variables that switch thinking in templates. The switch is the first variable that the template reads and that changes its prompt. */
export const thinkingSwitches: readonly ThinkingSwitch[] = [
  { name: "enable_thinking", on: true, off: false },
  { name: "thinking", on: true, off: false },
  { name: "thinking_mode", on: "enabled", off: "disabled" },
  { name: "reasoning_effort", on: "high", off: "none" },
  { name: "reasoning_effort", on: "high", off: "no_think" },
];

export async function findSwitch(render: Render, format: ChatFormat): Promise<ThinkingSwitch | undefined> {
  for (const candidate of thinkingSwitches) {
    const { name, on, off } = candidate;
    if (!format.inputs.variables.includes(name)) continue;
    const [yes, no] = [await promptWith(render, { [name]: on }), await promptWith(render, { [name]: off })];
    if (yes === undefined || no === undefined || yes === no) continue;
    // A reasoning effort counts as a switch only if its values change how the answer begins.
    const begins = [yes, no].map((prompt) => answerStart(format, prompt).said);
    if (typeof on === "boolean" || begins[0] !== begins[1]) return candidate;
  }
  return undefined;
}

async function promptWith(render: Render, values: Readonly<Record<string, unknown>>): Promise<string | undefined> {
  try {
    return await render({ messages: [user], add_generation_prompt: true, ...values });
  } catch {
    return undefined;
  }
}
