// Divides the text of an answer into parts as it arrives. Takes linear time, and never takes back a part that was passed on.
import type { AnswerPart, AnswerStart, AnswerTool } from "./answer.ts";
import { createCallInProgress } from "./call-in-progress.ts";
import { account, createCursor, createWatch, dropBlanks, feed, isBlank, isNext, takeBack } from "./cursor.ts";
import type { ChatFormat } from "./format.ts";
import { type ReadContext, read, withoutBlanks } from "./interpret.ts";
import { markText, spell } from "./marks.ts";
import { type Opener, callMarks, opens, openersOf } from "./openings.ts";
import { beginnings, hasCall, withoutLastBlank } from "./syntax.ts";

export interface ReaderOptions {
  readonly format: ChatFormat;
  /** Tools that can be called. Without tools, calls are content. */
  readonly tools: readonly AnswerTool[];
  /** The beginning of the answer that the prompt contains. */
  readonly start?: AnswerStart;
}

export interface AnswerReader {
  /** The part that the next text belongs to. */
  readonly in: "start" | "reasoning" | "content" | "call";
  /** Takes the next piece of the answer. Markers that are tokens must be marks. */
  push(text: string): AnswerPart[];
  /** Ends the answer, and returns the text that was held back. An unreadable call becomes content. */
  end(): AnswerPart[];
  /** `begun`: calls that were passed on; `complete`: calls with complete arguments; `unreadable`: texts that began like a call and became content. */
  readonly calls: { readonly begun: number; readonly complete: number; readonly unreadable: number };
}

export function createReader({ format, tools, start }: ReaderOptions): AnswerReader {
  const shown = callMarks(format);
  const marks = format.marks.map((mark) => (shown.includes(mark.mark) ? { ...mark, control: false } : mark));
  const openers = openersOf(format, { texts: tools.map(({ name }) => name) });
  const anywhere = openers.filter(({ item }) => item.at === "anywhere");
  const atStart = openers.filter(({ item }) => item.at === "start");
  const watch = createWatch(anywhere.flatMap(({ texts }) => texts));
  const callTexts = new Set(format.answer.flatMap(({ syntax }) => (hasCall(syntax) ? (beginnings(syntax) ?? []) : [])));
  const cursor = createCursor();
  let parts: AnswerPart[] = [];
  let where: AnswerReader["in"] = "start";
  /** Whether the next white space belongs to the item before it, and is dropped. */
  let trim = false;
  /** Whether only white space was read since the beginning or since the last item. */
  let fresh = true;
  /** Whether markers become text, because they are around an unreadable call. */
  let spellAll = false;

  const call = createCallInProgress(tools, (part) => {
    where = "call";
    parts.push(part);
  });
  const context: ReadContext = {
    bare: false,
    cursor,
    opener: (text) => anywhere.find(({ texts }) => texts.includes(text)),
    isCall: (text) => callTexts.has(text),
    call,
    spell: (text) => spell(text, marks, true),
    enter(part) {
      where = part;
    },
    // Thoughts and arguments may mention markers: within a thought or arguments, only the text that ends them has a meaning.
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
        const opener = openerOf(anywhere, found.text);
        const distance = found.at - cursor.at;
        if (!(yield* opens(cursor, distance, opener))) {
          // The text mentions the marker.
          sayContent(cursor.at + distance + 1, false);
          continue;
        }
        cursor.at += distance;
        // White space after an item is dropped. Other white space stays in the cursor, because this white space is content if the next item turns out
        // to be text.
        if (trim) account(cursor);
        yield* readItem(opener);
      } else if (cursor.ended) return;
      else yield;
    }
  }

  /** Reads an item that can only be at the beginning. Returns false if there is no such item. */
  function* readStart(): Generator<undefined, boolean> {
    const texts = atStart.flatMap((opener) => opener.texts);
    if (texts.length === 0 || !(yield* isNext(cursor, texts))) return false;
    let blanks = 0;
    while (isBlank(cursor.text.charAt(cursor.at + blanks))) blanks += 1;
    const opener = openerOf(atStart, texts.find((text) => cursor.text.startsWith(text, cursor.at + blanks)) ?? "");
    if (!(yield* opens(cursor, blanks, opener))) return false;
    dropBlanks(cursor);
    account(cursor);
    yield* readItem(opener);
    return true;
  }

  /** Passes on the content up to `end`. Keeps back white space at the end, which is dropped before an item. */
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

  function* readItem({ item, callsOnly }: Opener): Generator<undefined, void> {
    call.reset();
    const isCall = hasCall(item.syntax);
    if (isCall) where = "call";
    context.bare = item.at === "start";
    const whole = yield* read(context, withoutLastBlank(item.syntax));
    if (whole) spellAll = false;
    else giveUp(isCall, item.at === "anywhere", callsOnly);
    account(cursor);
    trim = whole || call.isTold;
    fresh = trim;
    where = fresh ? "start" : "content";
  }

  /** Handles an incomplete item. The item's text becomes content, unless the end of the answer cut off a call or an item of another kind. */
  function giveUp(isCall: boolean, marked: boolean, callsOnly: boolean): void {
    const told = call.isTold;
    if (isCall && cursor.ended && !told && call.tell()) return;
    if (cursor.ended && (told || (marked && !callsOnly))) {
      cursor.at = cursor.text.length;
      return;
    }
    if (isCall && !told) {
      // An object without a marker may be plain content, and the answer's end may cut off a call: neither counts as unreadable.
      if (marked && !cursor.ended) call.counts.unreadable += 1;
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

function openerOf(openers: readonly Opener[], text: string): Opener {
  const found = openers.find(({ texts }) => texts.includes(text));
  if (found === undefined) throw new Error(`Cannot read the answer: nothing begins with ${JSON.stringify(text)}`);
  return found;
}
