// Divides an answer's text into parts while it comes. Takes linear time, and never takes back a part that was passed on.
import type { AnswerPart, AnswerStart, AnswerTool } from "./answer.ts";
import { createCallInProgress } from "./call-in-progress.ts";
import { account, createCursor, createWatch, dropBlanks, feed, isNext, takeBack } from "./cursor.ts";
import type { ChatFormat } from "./format.ts";
import { type ReadContext, read, withoutBlanks } from "./interpret.ts";
import { markText, spell } from "./marks.ts";
import { type AnswerItem, beginnings, hasCall, withoutLastBlank } from "./syntax.ts";

export interface ReaderOptions {
  readonly format: ChatFormat;
  /** Tools that can be called; without any, calls are just text. */
  readonly tools: readonly AnswerTool[];
  /** Where the prompt left off; absent: at the very beginning of an answer. */
  readonly start?: AnswerStart;
}

export interface AnswerReader {
  /** Where the next text belongs. */
  readonly in: "start" | "reasoning" | "content" | "call";
  /** Takes more of the answer. A marker that is a token comes as its mark. */
  push(text: string): AnswerPart[];
  /** The answer is over. What was held back turned out to be no marker; what cannot be read as a call is content. */
  end(): AnswerPart[];
  /** Calls whose name was seen, calls whose end was seen as well, and pieces that looked like calls and came out as content. */
  readonly calls: { readonly begun: number; readonly complete: number; readonly unreadable: number };
}

/** A format's items, with the literals that each begins with. */
interface Opener {
  readonly item: AnswerItem;
  readonly texts: readonly string[];
}

export function createReader({ format, tools, start }: ReaderOptions): AnswerReader {
  const { marks } = format;
  const openers = format.answer
    .filter(({ syntax }) => tools.length > 0 || !hasCall(syntax))
    .map(({ at, syntax }): Opener => ({
      item: { at, syntax: withoutLastBlank(syntax) },
      texts: beginnings(syntax) ?? [],
    }));
  const anywhere = openers.filter(({ item }) => item.at === "anywhere");
  const atStart = openers.filter(({ item }) => item.at === "start");
  const watch = createWatch(anywhere.flatMap(({ texts }) => texts));
  const cursor = createCursor();
  let parts: AnswerPart[] = [];
  let where: AnswerReader["in"] = "start";
  /** White space that comes next only sets off what was before it. */
  let trim = false;
  /** Nothing but white space since the beginning or the last item. */
  let fresh = true;
  /** The text looked like a call and was not one: the markers around it are shown. */
  let spellAll = false;

  const call = createCallInProgress(tools, (part) => {
    where = "call";
    parts.push(part);
  });
  const context: ReadContext = {
    bare: false,
    cursor,
    call,
    accountFor: () => account(cursor),
    spell: (text) => spell(text, marks, true),
    enter(part) {
      where = part;
    },
    // A thought may name the markers, and so may an argument; nothing but its end has a meaning there.
    say: (part, text) => say(part, spell(text, marks, true)),
  };

  function say(part: "content" | "reasoning", shown: string): void {
    where = part;
    if (shown !== "") parts.push({ kind: part, text: shown });
  }

  function* readAnswer(): Generator<undefined, void> {
    for (;;) {
      if (fresh && (yield* readStart())) continue;
      const found = watch.find(cursor.text, cursor.at, cursor.ended);
      sayContent(found.at, found.text !== undefined);
      if (found.text !== undefined) {
        cursor.at = found.at;
        // White space before what may turn out to be text is that text's.
        if (trim) account(cursor);
        yield* readItem(openerOf(anywhere, found.text));
      } else if (cursor.ended) return;
      else yield;
    }
  }

  /** Items that only the beginning can hold. */
  function* readStart(): Generator<undefined, boolean> {
    const texts = atStart.flatMap((opener) => opener.texts);
    if (texts.length === 0 || !(yield* isNext(cursor, texts))) return false;
    dropBlanks(cursor);
    account(cursor);
    const text = texts.find((one) => cursor.text.startsWith(one, cursor.at)) ?? "";
    yield* readItem(openerOf(atStart, text));
    return true;
  }

  /** Content up to there, but for white space at its end that may only set off what follows. */
  function sayContent(end: number, beforeItem: boolean): void {
    if (trim) while (cursor.at < end && cursor.text.charAt(cursor.at).trim() === "") cursor.at += 1;
    const holds = beforeItem || (!cursor.ended && openers.length > 0);
    const solid = holds ? withoutBlanks(cursor.text, cursor.at, end) : end;
    if (solid <= cursor.at) return;
    const text = cursor.text.slice(cursor.at, solid);
    cursor.at = solid;
    account(cursor);
    say("content", spell(text, marks, spellAll));
    trim = false;
    if (text.trim() !== "") fresh = false;
  }

  function* readItem({ item }: Opener): Generator<undefined, void> {
    call.reset();
    const isCall = hasCall(item.syntax);
    if (isCall) where = "call";
    context.bare = item.at === "start";
    const whole = yield* read(context, item.syntax);
    if (whole) spellAll = false;
    else giveUp(isCall, item.at === "anywhere");
    account(cursor);
    trim = whole || call.isTold;
    fresh = trim;
    where = fresh ? "start" : "content";
  }

  /** The item was not read to its end: the text that was not passed on is content, unless it is only a call that the answer's end cut. */
  function giveUp(isCall: boolean, marked: boolean): void {
    const told = call.isTold;
    if (isCall && cursor.ended && !told && call.tell()) return;
    if (cursor.ended && (told || marked)) {
      if (isCall && !told) call.counts.begun += 1;
      cursor.at = cursor.text.length;
      return;
    }
    if (isCall && !told) {
      // An object that nothing marks as a call is as good an answer as any.
      if (marked) call.counts.unreadable += 1;
      spellAll = true;
    }
    const text = takeBack(cursor);
    if (text.trim() !== "") say("content", spell(text, marks, spellAll));
  }

  const reading = readAnswer();
  reading.next();

  function take(): AnswerPart[] {
    const taken = parts;
    parts = [];
    return taken;
  }

  function push(text: string): AnswerPart[] {
    feed(cursor, text);
    reading.next();
    return take();
  }

  if (start !== undefined && start.said !== "") push(markText(start.said, marks));

  return {
    get in() {
      return where;
    },
    push,
    end() {
      cursor.ended = true;
      reading.next();
      return take();
    },
    calls: call.counts,
  };
}

/** The first opener with this beginning. */
function openerOf(openers: readonly Opener[], text: string): Opener {
  const found = openers.find(({ texts }) => texts.includes(text));
  if (found === undefined) throw new Error(`Cannot read the answer: nothing begins with ${JSON.stringify(text)}`);
  return found;
}
