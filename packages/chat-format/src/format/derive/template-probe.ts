// Probes a template: renders conversations, and cuts out the text of an assistant's turn.
import {
  type Message,
  type Render,
  type Shapes,
  type Spoken,
  assistant,
  needles,
  tools,
  user,
} from "./conversations.ts";
import type { Attempt, Values } from "../inputs/probe.ts";
import { commonEnd, commonStart } from "./cuts.ts";
import { thinkingSwitches } from "./find-switch.ts";

export interface TemplateProbe {
  /** Texts that open the assistant's turn: the text after a user's message, and the text after a tool's result if that text is different. */
  readonly turnOpens: readonly string[];
  /** The different texts that prompts have after the user's message. */
  readonly prompts: readonly string[];
  /** The text after an answer that has only content. */
  readonly turnClose: string;
  /** Variables that change a prompt. */
  readonly switches: readonly string[];
  /** The template's output for an answer, up to the end of the turn; undefined if the template refuses. */
  answer(spoken: Spoken): Promise<string | undefined>;
}

/** @returns undefined if the template cannot render a user's message */
export async function probeTemplate(render: Render): Promise<TemplateProbe | undefined> {
  const attempt = attempts(render);
  const prompt = await attempt({ messages: [user], add_generation_prompt: true });
  if (prompt?.includes(needles.user) !== true) return undefined;
  const { prompts, switches } = await askPrompts(attempt);
  const shapes = await findShapes(attempt);
  const content = assistant({ content: needles.content }, shapes);
  const plain = await turn(attempt, [user, content], needles.user, false);
  const promptEnd = beforeThought(afterLast(prompt, needles.user) ?? "");
  const shared = commonStart(promptEnd, plain ?? "");
  // Some templates write instructions before the turn's marker in the prompt, but not in the history.
  const role = /<[^<>]+>\s*$/.exec(promptEnd)?.[0] ?? "";
  const apart = shared !== promptEnd && role !== "" && plain?.startsWith(role, shared.length) === true;
  const open = apart ? shared + role : shared;
  return {
    turnOpens: await findTurnOpens(attempt, shapes, apart ? role : open),
    prompts,
    turnClose: plain === undefined ? "" : (afterLast(plain, needles.content) ?? ""),
    switches,
    async answer(spoken) {
      const message = assistant(spoken, shapes);
      const text = await turn(attempt, [user, message], needles.user, (spoken.calls ?? 0) > 0);
      return text?.startsWith(open) === true ? text.slice(open.length) : text;
    },
  };
}

/** The attempt returns undefined if the template refuses. Some templates refuse to render without tools. */
function attempts(render: Render): Attempt {
  return async (values) => {
    for (const more of "tools" in values ? [{}] : [{}, { tools: [] }, { tools }]) {
      try {
        return await render({ ...values, ...more });
      } catch {
        // Try again with other tools.
      }
    }
    return undefined;
  };
}

/** Renders messages, and returns the output after the last occurrence of the text `after`. */
async function turn(
  attempt: Attempt,
  messages: readonly Message[],
  after: string,
  withTools: boolean,
): Promise<string | undefined> {
  // Try without tools as well: a template that cannot render tools may still render calls.
  for (const tooling of withTools ? [{ tools }, {}] : [{}]) {
    // Some templates leave thoughts out of the history if thinking is off.
    for (const values of [{ enable_thinking: true, thinking: true }, {}]) {
      const text = await attempt({ messages, add_generation_prompt: false, ...values, ...tooling });
      const rest = text === undefined ? undefined : afterLast(text, after);
      if (rest !== undefined) return rest;
    }
  }
  return undefined;
}

async function askPrompts(attempt: Attempt): Promise<{ prompts: string[]; switches: string[] }> {
  const ask = (values: Values): Promise<string | undefined> =>
    attempt({ messages: [user], add_generation_prompt: true, ...values });
  const texts = [await ask({}), await ask({ tools })];
  const switches = new Set<string>();
  for (const { name, on, off } of thinkingSwitches) {
    const pair = [await ask({ [name]: on }), await ask({ [name]: off })];
    texts.push(...pair);
    if (pair[0] !== pair[1]) switches.add(name);
  }
  const ends = texts.flatMap((text) => (text === undefined ? [] : [afterLast(text, needles.user) ?? ""]));
  return { prompts: [...new Set(ends)], switches: [...switches] };
}

/** Finds the first shapes with which the template shows a call's arguments. Arguments as JSON within a string do not count. */
async function findShapes(attempt: Attempt): Promise<Shapes> {
  for (const objectArguments of [true, false]) {
    for (const emptyContent of ["", null] as const) {
      const shapes = { objectArguments, emptyContent };
      const text = await turn(attempt, [user, assistant({ calls: 1 }, shapes)], needles.user, true);
      const shown = [needles.names[0], ...needles.keys, ...needles.values].every((one) => text?.includes(one) === true);
      if (shown && text?.includes(String.raw`\"${needles.keys[0]}\"`) !== true) return shapes;
    }
  }
  return { objectArguments: true, emptyContent: "" };
}

const toolResult = needles.thought;

/**
 * The turn openings. The first opening is the text that prompts have in common before the answer. If the prompt after a tool's result does not
 * have this text before the answer, the second opening is the text before the answer in that prompt.
 */
async function findTurnOpens(attempt: Attempt, shapes: Shapes, open: string): Promise<string[]> {
  const said = assistant({ content: needles.content }, shapes);
  const calling = assistant({ calls: 1 }, shapes);
  const tool = { role: "tool", tool_call_id: needles.ids[0], name: needles.names[0], content: toolResult };
  const afterAnswer = await attempt({ messages: [user, said], add_generation_prompt: true });
  const afterTool = await attempt({ messages: [user, calling, tool], tools, add_generation_prompt: true });
  const ends = [
    afterAnswer === undefined ? undefined : afterLast(afterAnswer, needles.content),
    afterTool === undefined ? undefined : afterLast(afterTool, toolResult),
  ];
  const opens = [open];
  for (const end of ends) {
    const before = end === undefined ? "" : beforeThought(end);
    const shared = commonEnd(opens[0] ?? "", before);
    if (/\w{2}/.test(shared)) opens[0] = shared;
    else if (end === ends[1] && /\w{2}/.test(before)) opens.push(markersAfterNeedles(before));
  }
  return opens.filter((text) => text.trim() !== "");
}

/** The markers after the last needle in a text. */
function markersAfterNeedles(text: string): string {
  const brought = [...needles.ids, ...needles.names, toolResult];
  const rest = brought.reduce((result, needle) => afterLast(result, needle) ?? result, text);
  const at = rest.search(/[<[]/);
  return at === -1 ? "" : rest.slice(at);
}

/** The part of the prompt before the first marker of a thought, since thoughts belong to the answer. */
function beforeThought(prompt: string): string {
  const at = prompt.search(/<[^<>]*think[^<>]*>|\[\/?THINK\]/i);
  return at === -1 ? prompt : prompt.slice(0, at);
}

function afterLast(text: string, needle: string): string | undefined {
  const at = text.lastIndexOf(needle);
  return at === -1 ? undefined : text.slice(at + needle.length);
}
