// Derives how a template writes calls: the positions of names, ids and arguments, and the text around them.
import {
  type AnswerItem,
  type ArgumentsSyntax,
  type Syntax,
  beginnings,
  blank,
  optional,
  sequence,
  words,
} from "../syntax.ts";
import { type CallText, findCall } from "./call-text.ts";
import { needles } from "./conversations.ts";
import { commonEnd, commonStart } from "./cuts.ts";
import { idMark } from "./call-text.ts";
import type { TemplateProbe } from "./template-probe.ts";

export interface Calls {
  readonly items: readonly AnswerItem[];
  /** Texts with which a call begins so plainly that it ends an open thought. */
  readonly endThoughts: readonly string[];
  readonly parallel: boolean;
}

/** Undefined: the template does not write calls, or in a way that is not understood. */
export async function deriveCalls(
  probe: TemplateProbe,
  beforeCalls: (text: string) => string,
): Promise<Calls | undefined> {
  const one = await probe.answer({ calls: 1 });
  const two = await probe.answer({ calls: 2 });
  const single = one === undefined ? undefined : callsIn(beforeCalls(one));
  if (single === undefined) return undefined;
  const double = two === undefined ? undefined : callsIn(beforeCalls(two));
  const parallel = double?.calls.length === 2;
  const items = itemsOf(parallel && double !== undefined ? double : single, probe.turnClose);
  const endThoughts = items.length > 1 ? items.flatMap(({ syntax }) => beginnings(syntax) ?? []) : [];
  return { items, endThoughts, parallel };
}

interface Found {
  readonly text: string;
  readonly calls: readonly CallText[];
}

function callsIn(text: string): Found | undefined {
  const calls: CallText[] = [];
  for (const name of needles.names) {
    const call = findCall(text, name, calls.at(-1)?.end ?? 0);
    if (call === undefined) break;
    calls.push(call);
  }
  return calls.length === 0 ? undefined : { text, calls };
}

/** The text around calls, divided into the text around all of them and the text around each. */
function itemsOf({ text, calls }: Found, turnClose: string): AnswerItem[] {
  const [first, second] = calls as [CallText, CallText?];
  const before = withoutIds(text.slice(0, first.begin));
  const after = text.slice((second ?? first).end);
  const end = after.slice(0, after.length - turnEnd(after, turnClose).length);
  if (second === undefined) return alone(before, first, end);

  const between = withoutIds(text.slice(first.end, second.begin));
  const open = commonEnd(before, between).trimStart();
  const sectionOpen = before.slice(0, before.length - open.length);
  const closeAndSeparator = between.slice(0, between.length - open.length);
  const close = commonStart(closeAndSeparator, end);
  const separator = closeAndSeparator.slice(close.length);
  const sectionClose = end.slice(close.length);
  const each = eachCall(open, first, close);
  if ((sectionOpen + sectionClose + separator).trim() === "") return alone(open, first, close);
  const all: Syntax = { kind: "repeat", item: each, separator };
  return [placed(sequence(...bracketed(sectionOpen), all, ...bracketed(sectionClose)))];
}

/** Calls that are separate from each other. One within two tags is also known by the inner one: models forget the outer. */
function alone(open: string, call: CallText, close: string): AnswerItem[] {
  const whole = placed(eachCall(open, call, close));
  const [, inner] = words(open).filter((word) => word.kind === "literal");
  if (inner?.kind !== "literal" || call.core.kind !== "named") return [whole];
  const ends = words(close).map((word) => (word.kind === "blank" ? word : optional(word)));
  const known = eachCall(open.slice(open.lastIndexOf(inner.text)), call, "");
  return [whole, placed(sequence(known, ...ends))];
}

/** A list's brackets are separate from the markers next to them: models set them off as they like. */
function bracketed(text: string): Syntax[] {
  const [, markers = "", open = ""] = /^(.*[>\]`])(\[\s*)$/s.exec(text) ?? [];
  if (open !== "") return [...words(markers), blank(), ...words(open)];
  const [, close = "", rest = ""] = /^(\s*\])(.+)$/s.exec(text) ?? [];
  if (close !== "") return [...words(close), blank(), ...words(rest)];
  return words(text);
}

/** What ends the turn rather than the calls. */
function turnEnd(after: string, turnClose: string): string {
  const markers = [...turnClose.matchAll(/<[^<>]+>|\[[^[\]]+\]/g)].map(([marker]) => after.indexOf(marker));
  const places = markers.filter((at) => at !== -1);
  if (places.length > 0) return after.slice(Math.min(...places));
  // Some templates end an assistant's turn only after calls.
  if (turnClose.trim() === "") return endOfText.exec(after)?.[0] ?? "";
  const trimmed = commonEnd(after.trimEnd(), turnClose.trimEnd());
  return trimmed === "" ? "" : trimmed + after.slice(after.trimEnd().length);
}

/** The look of an end of text where only its name shows what it is. */
const endOfText = /<[|｜][^<>]*(?:eos|eot|eom|end[_▁]of|im_end)[^<>]*[|｜]>\s*$/;

function placed(syntax: Syntax): AnswerItem {
  // A bracket of JSON is no marker: only the beginning of an answer distinguishes it from text.
  const bare = (beginnings(syntax) ?? []).some((text) => /^[[{][\s[{"]*$/.test(text));
  return { at: bare ? "start" : "anywhere", syntax };
}

function eachCall(open: string, call: CallText, close: string): Syntax {
  const { core } = call;
  const ends = [...literalsOf(close), "\n"];
  if (core.kind === "object") return sequence(...withIds(open, []), core.syntax, ...words(close));
  const argumentsSyntax: ArgumentsSyntax = core.arguments;
  const opensArguments = argumentsSyntax.kind === "tags" ? argumentsSyntax.key.open : "{";
  const afterName = withIds(core.afterName, [opensArguments]);
  const starts = [...new Set([...afterName.flatMap((word) => startsOf(word)), opensArguments])];
  const until =
    core.afterName.trim() !== "" && !core.afterName.startsWith("\n") ? firstFew(afterName, opensArguments) : starts;
  return sequence(
    ...withIds(open, []),
    { kind: "name", until: [...new Set([...until, ...(core.afterName.trim() === "" ? ends : [])])] },
    ...afterName,
    { kind: "arguments", syntax: argumentsSyntax },
    ...words(close),
  );
}

/** What may follow a name: the first word, and the second where the first may be left out. */
function firstFew(items: readonly Syntax[], otherwise: string): readonly string[] {
  const texts: string[] = [];
  for (const item of items) {
    texts.push(...startsOf(item));
    if (item.kind === "literal") return texts;
  }
  return [...texts, otherwise];
}

function startsOf(word: Syntax): readonly string[] {
  if (word.kind === "blank") return word.text.includes("\n") ? ["\n"] : [" "];
  return beginnings(word) ?? [];
}

function literalsOf(text: string): string[] {
  const first = words(text).find((word) => word.kind === "literal");
  return first?.kind === "literal" ? [first.text] : [];
}

/** A text with ids, as syntax. An id after its marker may be left out together with it. */
function withIds(text: string, follow: readonly string[]): Syntax[] {
  const [before, after] = text.split(idMark);
  if (before === undefined || after === undefined) return words(text);
  const until = [...literalsOf(after), ...(after.trim() === "" ? follow : [])];
  const id: Syntax[] = [...words(before), { kind: "id", until }];
  // Only a marker before the id shows whether one follows.
  return follow.length > 0 && before.trim() !== ""
    ? [optional(sequence(...id)), ...words(after)]
    : [...id, ...words(after)];
}

function withoutIds(text: string): string {
  return needles.ids.reduce((result, id) => result.replaceAll(id, idMark), text);
}
