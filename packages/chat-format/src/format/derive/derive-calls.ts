// Derives how a template writes calls: the positions of names, ids and arguments, and the text around them.
import {
  type AnswerItem,
  type ArgumentsSyntax,
  type Syntax,
  beginnings,
  blank,
  literalsIn,
  optional,
  sequence,
  words,
} from "../syntax.ts";
import { type CallText, findCall, idMark, withIdMarks } from "./call-text.ts";
import { needles } from "./conversations.ts";
import { commonEnd, commonStart } from "./cuts.ts";
import type { TemplateProbe } from "./template-probe.ts";

export interface Calls {
  readonly items: readonly AnswerItem[];
  /** Beginnings of calls. Such a beginning also ends an open thought. */
  readonly endThoughts: readonly string[];
  readonly parallel: boolean;
}

/** @returns undefined if the template writes no calls, or if their syntax is not understood */
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

/** Divides the text around the calls into the text around the whole list and the text around each call. */
function itemsOf({ text, calls }: Found, turnClose: string): AnswerItem[] {
  const [first, second] = calls as [CallText, CallText?];
  const before = withIdMarks(text.slice(0, first.begin));
  const after = text.slice((second ?? first).end);
  const end = after.slice(0, after.length - turnEnd(after, turnClose).length);
  if (second === undefined) return alone(before, first, end);

  const between = withIdMarks(text.slice(first.end, second.begin));
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

/** The syntax of a call outside of a list. A call within two tags is also recognised by the inner tag alone, since models forget the outer tag. */
function alone(open: string, call: CallText, close: string): AnswerItem[] {
  const whole = placed(eachCall(open, call, close));
  const [, inner] = literalsIn(open);
  if (inner === undefined || call.core.kind !== "named") return [whole];
  const ends = words(close).map((word) => (word.kind === "blank" ? word : optional(word)));
  const known = eachCall(open.slice(open.lastIndexOf(inner)), call, "");
  return [whole, placed(sequence(known, ...ends))];
}

/** Separates a list's brackets from the markers next to the brackets: models put any white space between bracket and marker. */
function bracketed(text: string): Syntax[] {
  const [, markers = "", open = ""] = /^(.*[>\]`])(\[\s*)$/s.exec(text) ?? [];
  if (open !== "") return [...words(markers), blank(), ...words(open)];
  const [, close = "", rest = ""] = /^(\s*\])(.+)$/s.exec(text) ?? [];
  if (close !== "") return [...words(close), blank(), ...words(rest)];
  return words(text);
}

/** In the text after the calls: the part that ends the turn, without the part that ends the calls. */
function turnEnd(after: string, turnClose: string): string {
  const markers = [...turnClose.matchAll(/<[^<>]+>|\[[^[\]]+\]/g)].map(([marker]) => after.indexOf(marker));
  const places = markers.filter((at) => at !== -1);
  if (places.length > 0) return after.slice(Math.min(...places));
  // Some templates end an assistant's turn only after calls.
  if (turnClose.trim() === "") return endOfText.exec(after)?.[0] ?? "";
  const trimmed = commonEnd(after.trimEnd(), turnClose.trimEnd());
  return trimmed === "" ? "" : trimmed + after.slice(after.trimEnd().length);
}

/** An end-of-text marker, recognised by its name alone. */
const endOfText = /<[|｜][^<>]*(?:eos|eot|eom|end[_▁]of|im_end)[^<>]*[|｜]>\s*$/;

function placed(syntax: Syntax): AnswerItem {
  // A JSON bracket is not a marker: it means a call only at the beginning of an answer.
  const bare = (beginnings(syntax) ?? []).some((text) => /^[[{][\s[{"]*$/.test(text));
  return { at: bare ? "start" : "anywhere", syntax };
}

function eachCall(open: string, call: CallText, close: string): Syntax {
  const { core } = call;
  const ends = [...literalsIn(close).slice(0, 1), "\n"];
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

/** The texts that can follow a name: the beginnings of the optional items and of the first literal. */
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

/** The syntax of a text with ids. Models may leave out an id together with the marker before it. */
function withIds(text: string, follow: readonly string[]): Syntax[] {
  const [before, after] = text.split(idMark);
  if (before === undefined || after === undefined) return words(text);
  const until = [...literalsIn(after).slice(0, 1), ...(after.trim() === "" ? follow : [])];
  const id: Syntax[] = [...words(before), { kind: "id", until }];
  // An id is optional only after a marker, because the marker shows whether an id follows.
  return follow.length > 0 && before.trim() !== ""
    ? [optional(sequence(...id)), ...words(after)]
    : [...id, ...words(after)];
}
