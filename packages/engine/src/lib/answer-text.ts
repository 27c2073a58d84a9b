// Owns what a job's tokens say: text for a plain prompt, parts for a conversation, in which stop strings end content alone. A stop
// string cuts no call in two, and a thought may say anything.
import { createReader, type AnswerPart, type AnswerReader, type ChatFormat } from "@waggle/chat-format";
import type { PartName } from "./messages.ts";
import type { PreparedGenerate } from "./prepare.ts";
import { createStopMatcher, createTextAssembler, createTextDecoder } from "./text.ts";

/** One piece of an answer. */
export interface Piece {
  /** Absent for content, and for the text that answers a plain prompt. */
  readonly part?: PartName;
  readonly text: string;
}

export interface Said {
  readonly pieces: readonly Piece[];
  /** A stop string is complete: nothing more will come. */
  readonly stopped: boolean;
}

export interface AnswerText {
  /** @param mark of a token that is a marker of the chat format */
  push(bytes: Uint8Array, mark: string | undefined): Said;
  /** The generation has ended: what was held back comes out, an unfinished character as U+FFFD. */
  end(): Said;
  /** The next token belongs to a thought. */
  readonly thinking: boolean;
  /** Pieces that looked like calls and could not be read. */
  readonly unreadableCalls: number;
  /** The stop string that ended it. */
  readonly stopString: string | undefined;
}

/** What stands for a marker in the reader's text; no other token may say it. */
const marks = /[\uFDD0-\uFDEF]/;

/** @param reader of a conversation's answer; without one all is text */
export function createAnswerText(stop: readonly string[], reader: AnswerReader | undefined): AnswerText {
  return reader === undefined ? plainText(stop) : readText(stop, reader);
}

/** Undefined for what answers a plain prompt. */
export function readerFor(
  { job, start }: Pick<PreparedGenerate, "job" | "start">,
  format: ChatFormat,
): AnswerReader | undefined {
  if (start === undefined) return undefined;
  // A grammar of the client's own says what the answer is, and knows no parts.
  if (job.sampling.grammar !== undefined) return createReader({ format: { ...format, answer: [] }, tools: [], start });
  const tools = (job.tools ?? []).map(({ function: { name, parameters } }) => ({ name, parameters }));
  return createReader({ format, tools, start });
}

function plainText(stop: readonly string[]): AnswerText {
  const assembler = createTextAssembler(stop);
  const said = ({ text, stopped }: { text: string; stopped: boolean }): Said => ({
    pieces: text === "" ? [] : [{ text }],
    stopped,
  });
  return {
    push: (bytes) => said(assembler.push(bytes)),
    end: () => said(assembler.end()),
    thinking: false,
    unreadableCalls: 0,
    get stopString() {
      return assembler.stopString;
    },
  };
}

function readText(stop: readonly string[], reader: AnswerReader): AnswerText {
  const decoder = createTextDecoder();
  const stops = createStopMatcher(stop);
  let stopped = false;

  function take(parts: readonly AnswerPart[], isLast: boolean): Said {
    const pieces: Piece[] = [];
    const add = (text: string, part?: PartName): void => {
      if (part === undefined ? text !== "" : part.kind === "call" || text !== "") {
        pieces.push(part === undefined ? { text } : { part, text });
      }
    };
    for (const part of parts) {
      if (stopped) break;
      if (part.kind === "content") {
        const certain = stops.push(part.text);
        stopped = certain.stopped;
        add(certain.text);
        continue;
      }
      add(stops.end().text);
      if (part.kind === "call") add("", part);
      else add(part.text, part.kind === "reasoning" ? { kind: "reasoning" } : { kind: "arguments", index: part.index });
    }
    if (isLast && !stopped) add(stops.end().text);
    return { pieces, stopped };
  }

  return {
    push(bytes, mark) {
      if (mark === undefined) return take(reader.push(withoutMarks(decoder.decode(bytes, { stream: true }))), false);
      // A marker ends a character that was not finished.
      return take(reader.push(withoutMarks(decoder.decode()) + mark), false);
    },
    end: () => take([...reader.push(withoutMarks(decoder.decode())), ...reader.end()], true),
    get thinking() {
      return reader.in === "reasoning";
    },
    get unreadableCalls() {
      return reader.calls.unreadable;
    },
    get stopString() {
      return stops.stopString;
    },
  };
}

function withoutMarks(text: string): string {
  return marks.test(text) ? text.replaceAll(new RegExp(marks, "g"), "\uFFFD") : text;
}
