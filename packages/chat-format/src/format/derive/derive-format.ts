// Derives a template's format, inputs and abilities when the model is loaded. Abilities are proven: the reader must read what the template wrote.
import { answerStart, type AnswerPart } from "../answer.ts";
import { families } from "../families/families.ts";
import type { Abilities, ChatFormat } from "../format.ts";
import { deriveInputs } from "../inputs/derive-inputs.ts";
import { spellCalls } from "../inputs/spell-call.ts";
import type { ThoughtKey } from "../inputs/template-inputs.ts";
import { templateVariables } from "../inputs/template-variables.ts";
import { markersOf } from "../marks.ts";
import { createReader } from "../reader.ts";
import { type AnswerItem, type Syntax, anywhere, literal, markerItem, words } from "../syntax.ts";
import { type Render, type Spoken, callArguments, needles, tools } from "./conversations.ts";
import { commonEnd } from "./cuts.ts";
import { deriveCalls } from "./derive-calls.ts";
import { deriveThoughtEnd } from "./derive-thought-end.ts";
import { type Thoughts, deriveThoughts, thoughtItems, thoughtOpener, usualThoughts } from "./derive-thoughts.ts";
import { findSwitch } from "./find-switch.ts";
import { genericAnswer, genericCalls } from "./generic.ts";
import { TemplateUnansweredError, limitRender } from "./limited-render.ts";
import { type TemplateProbe, probeTemplate } from "./template-probe.ts";

export interface DeriveOptions {
  readonly render: Render;
  /** The template's text. A family is recognised by this text if probing cannot detect the family's format. */
  readonly source: string;
  /** Returns the steps that the template's renderings have taken so far. */
  readonly spentSteps?: () => number;
}

/**
 * What probing cannot detect comes from the family, otherwise from the generic format. If probing takes too many steps, the result is the generic
 * format for text messages only, with a warning. Steps count, not time: a busy machine costs no model its format.
 * @throws TemplateUnansweredError
 */
export async function deriveFormat({ render, source, spentSteps }: DeriveOptions): Promise<ChatFormat> {
  const limited = limitRender(render, spentSteps);
  const format = await formatOf({ render: limited.render, source });
  if (limited.stopped === undefined) return format;
  if (limited.stopped instanceof TemplateUnansweredError) throw limited.stopped;
  const refuse: Render = async () => await Promise.reject(new Error("Not asked any more"));
  const generic = await formatOf({ render: refuse, source: "" });
  return {
    ...generic,
    inputs: { ...generic.inputs, variables: templateVariables(source) },
    warning: `Cannot find out what the chat template takes: ${limited.stopped.message}. Tools and system messages go into the user's text.`,
  };
}

async function formatOf({ render, source }: DeriveOptions): Promise<ChatFormat> {
  const family = families.find(({ isFamily }) => isFamily(source));
  const probe = await probeTemplate(render);
  const derived = probe === undefined ? undefined : await derive(probe);
  const found = derived?.answer ?? genericAnswer;
  const answer = family?.besides === true ? [...found, ...family.answer] : (family?.answer ?? found);
  const format: ChatFormat = {
    name: (family?.besides === true ? derived?.name : family?.name) ?? derived?.name ?? "generic",
    answer,
    turnOpens: family?.turnOpens ?? probe?.turnOpens ?? [],
    markers: [...new Set([...markersOf(answer), ...(family?.markers ?? [])])],
    marks: [],
    inputs: await deriveInputs({ render, source, answer, thoughtKey: derived?.thoughtKey }),
    abilities: noAbilities,
  };
  if (probe === undefined) return format;
  const proven = await prove(format, probe);
  const thinkingSwitch = await findSwitch(render, format);
  const abilities: Abilities =
    thinkingSwitch === undefined ? proven : { ...proven, thinking: "switchable", thinkingSwitch };
  const thoughtEnd = abilities.thinking === "never" ? undefined : await deriveThoughtEnd(format, probe);
  return { ...format, ...(thoughtEnd === undefined ? {} : { thoughtEnd }), abilities };
}

interface Derived extends Pick<ChatFormat, "name" | "answer"> {
  readonly thoughtKey?: ThoughtKey;
}

async function derive(probe: TemplateProbe): Promise<Derived> {
  const thoughts = await deriveThoughts(probe);
  const strip = (text: string): string => withoutThought(text, thoughts);
  const calls = await deriveCalls(probe, strip);
  const content = await contentItems(probe, strip);
  const thinking = thoughtItems(thoughts ?? usualThoughts, calls?.endThoughts);
  return {
    name: calls === undefined ? "generic" : "derived",
    answer: [...thinking, ...content, ...(calls?.items ?? genericCalls), ...turnMarkers(probe)],
    ...(thoughts?.key === undefined ? {} : { thoughtKey: thoughts.key }),
  };
}

const noAbilities: Abilities = { tools: false, parallelCalls: false, thinking: "never", switches: [] };

/** An answer's text after the thought. Some templates print the thought's markers even if there is no thought. */
function withoutThought(text: string, thoughts: Thoughts | undefined): string {
  const close = (thoughts ?? usualThoughts).close;
  const at = text.indexOf(close);
  return at === -1 ? text : text.slice(at + close.length);
}

/** Items for the markers of a turn, so that these markers do not become content. Most turn markers end the answer anyway. */
function turnMarkers({ turnClose, turnOpens }: TemplateProbe): AnswerItem[] {
  const found = [turnClose, ...turnOpens].flatMap((text) => [...text.matchAll(/<[|｜][^<>]+[|｜]>/g)]);
  return [...new Set(found.map(([marker]) => marker))].map(markerItem);
}

/** The item for content between markers; empty if the family does not mark its content. */
async function contentItems(probe: TemplateProbe, strip: (text: string) => string): Promise<AnswerItem[]> {
  const text = await probe.answer({ content: needles.content });
  const [open, close] = text === undefined ? [] : strip(text).split(needles.content);
  if (open === undefined || close === undefined || open.trim() === "" || thoughtOpener.test(open)) return [];
  const afterCalls = (await probe.answer({ calls: 1 })) ?? "";
  const own = close.slice(0, close.length - commonEnd(close, afterCalls).length).trim();
  const until = own === "" ? [] : [own];
  const body = { kind: "text", part: "content", until } as const;
  const end = own === "" ? [] : [literal(own)];
  return [anywhere(...words(open), body, ...end)];
}

/** Parses the template's output with the format, and checks that this gives the message that was rendered. */
async function prove(format: ChatFormat, probe: TemplateProbe): Promise<Abilities> {
  const names = async (calls: number): Promise<string> => {
    const { inputs } = format;
    const text =
      inputs.calls || inputs.callSyntax === undefined
        ? await probe.answer({ calls })
        : inWords(inputs.callSyntax, calls);
    if (text === undefined) return "";
    const parts = readAll(format, text, probe);
    const right = needles.values.every((value) => textOfKind(parts, "arguments").split(value).length === calls + 1);
    return right ? parts.flatMap((part) => (part.kind === "call" ? [part.name] : [])).join(" ") : "";
  };
  const thinks = async (spoken: Spoken): Promise<boolean> => {
    const { thoughtKey } = format.inputs;
    const thought = { thought: needles.thought, ...(thoughtKey === undefined ? {} : { thoughtKey }) };
    const text = thoughtKey === undefined ? undefined : await probe.answer({ ...spoken, ...thought });
    return text !== undefined && textOfKind(readAll(format, text, probe), "reasoning").trim() === needles.thought;
  };
  // Some templates keep a thought only before a call.
  const thought = (await thinks({ content: needles.content })) || (await thinks({ calls: 1 }));
  const { switches, prompts } = probe;
  const begun = prompts.map((prompt) => createReader({ format, tools: [], start: answerStart(format, prompt) }).in);
  const opened = begun.length > 0 && begun.every((where) => where === "reasoning");
  return {
    tools: (await names(1)) === needles.names[0],
    parallelCalls: (await names(2)) === needles.names.join(" "),
    thinking: thought || opened ? "always" : "never",
    switches,
  };
}

/** Writes calls as text. If the template cannot show calls, the history contains this text instead. */
function inWords(syntax: Syntax, calls: number): string | undefined {
  const all = needles.names.map((name, index) => ({ name, id: needles.ids[index] ?? "", arguments: callArguments }));
  return spellCalls(syntax, all.slice(0, calls));
}

/** Reads a template's output. If a family has shorter `turnOpens`, the answer begins within the turn opening that probing found. */
function readAll(format: ChatFormat, text: string, { turnOpens }: TemplateProbe): AnswerPart[] {
  const reader = createReader({
    format,
    start: answerStart(format, turnOpens[0] ?? ""),
    tools: tools.map(({ function: { name, parameters } }) => ({ name, parameters })),
  });
  return [...reader.push(text), ...reader.end()];
}

function textOfKind(parts: readonly AnswerPart[], kind: AnswerPart["kind"]): string {
  return parts.flatMap((part) => (part.kind === kind && "text" in part ? [part.text] : [])).join("");
}
