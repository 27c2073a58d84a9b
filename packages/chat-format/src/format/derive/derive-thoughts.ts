// Derives the markers with which a template separates thoughts from content.
import { answerStart } from "../answer.ts";
import type { ThoughtKey } from "../format.ts";
import { type AnswerItem, blank, literalsIn, optional, sequence, words } from "../syntax.ts";
import { needles } from "./conversations.ts";
import { commonEnd } from "./cuts.ts";
import type { TemplateProbe } from "./template-probe.ts";

export interface Thoughts {
  readonly open: string;
  readonly close: string;
  readonly key?: ThoughtKey;
}

/** The thought markers of most families; also read if a template shows no thoughts. */
export const usualThoughts: Thoughts = { open: "<think>", close: "</think>" };

const keys: readonly ThoughtKey[] = ["reasoning_content", "thinking", "reasoning", "parts"];

/** @returns undefined if the template has no thoughts */
export async function deriveThoughts(probe: TemplateProbe): Promise<Thoughts | undefined> {
  const plain = (await probe.answer({ content: needles.content }))?.split(needles.content)[0] ?? "";
  for (const key of keys) {
    for (const calls of [0, 1]) {
      const spoken = calls === 0 ? { content: needles.content } : { calls };
      const text = await probe.answer({ ...spoken, thought: needles.thought, thoughtKey: key });
      const found = text === undefined ? undefined : around(text, plain);
      if (found !== undefined) return { ...found, open: found.open || opening(probe), key };
    }
  }
  return promptedThoughts(probe);
}

/** The text with which every prompt opens a thought, for templates that leave this text out of the history. */
function opening(probe: TemplateProbe): string {
  const said = probe.prompts.map((prompt) => answerStart(probe, prompt).said.trim());
  return said.every((text) => text === said[0]) ? (said[0] ?? "") : "";
}

/** Finds the markers around the thought in a template's output. */
function around(text: string, plain: string): Thoughts | undefined {
  const [before, after, more] = text.split(needles.thought);
  // A template that prints the message's parts as data does not support thoughts in parts.
  if (before === undefined || after === undefined || more !== undefined || /["']thinking["']/.test(before))
    return undefined;
  const end = after.includes(needles.content) ? (after.split(needles.content)[0] ?? "") : firstMarker(after);
  // The opening of the content also appears without thoughts: it does not belong to the thought.
  const opensContent = commonEnd(end, plain);
  const close = end.trim() === opensContent.trim() ? end : end.slice(0, end.length - opensContent.length);
  return close.trim() === "" ? undefined : { open: before.trim(), close: close.trim() };
}

function firstMarker(text: string): string {
  return /^\s*(?:<[^<>]+>|\[[^[\]]+\])/.exec(text)?.[0] ?? "";
}

/** Markers for templates that show thoughts only in prompts: a prompt opens a thought. */
function promptedThoughts(probe: TemplateProbe): Thoughts | undefined {
  for (const prompt of probe.prompts) {
    const open = thoughtOpener.exec(prompt)?.[0];
    if (open !== undefined) return { open, close: open.replace(/^([<[]\|?)/, "$1/") };
  }
  return undefined;
}

/** The opening of a thought, recognised by its name alone. */
export const thoughtOpener = /<[^<>/]*think[^<>/]*>|\[THINK\]/i;

/** @param ends more texts that end a thought; they are not part of the thought's syntax */
export function thoughtItems({ open, close }: Thoughts, ends: readonly string[] = []): AnswerItem[] {
  const end = sequence(...words(close), blank("\n"));
  const body = { kind: "text", part: "reasoning", until: [literalsIn(close)[0] ?? close, ...ends] } as const;
  const stray: AnswerItem = { at: "start", syntax: end };
  if (open === "") return [stray];
  return [{ at: "start", syntax: sequence(...words(open), blank("\n"), body, optional(end)) }, stray];
}
