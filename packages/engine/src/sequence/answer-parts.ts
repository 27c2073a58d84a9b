// Splits an answer into parts: text for a plain prompt; reasoning, content and calls for a conversation. Stop strings apply
// to text and content only, and not to reasoning and calls.
import { createReader, type AnswerPart, type AnswerReader, type ChatFormat } from "@waggle/chat-format/format";
import type { PartName } from "../port/messages.ts";
import type { PreparedGenerate } from "./prepare.ts";
import { createStopMatcher, createTextDecoder, type CertainText } from "./decode-text.ts";

export interface Piece {
  /** Absent for content, and for the answer to a plain prompt. */
  readonly part?: PartName;
  readonly text: string;
}

export interface NewPieces extends Pick<CertainText, "stopped"> {
  readonly pieces: readonly Piece[];
}

export interface AnswerParts {
  /** @param mark the private character that replaces the token, if the token is a marker of the chat format */
  push(bytes: Uint8Array, mark: string | undefined): NewPieces;
  /** Ends the generation: returns the text that was held back. An unfinished character is left out, as in llama-server. */
  end(): NewPieces;
  /** True when the next token belongs to a thought. */
  readonly thinking: boolean;
  /** Number of pieces that looked like tool calls and could not be parsed. */
  readonly unreadableCalls: number;
  /** The stop string that ended the answer, if one did. */
  readonly stopString: string | undefined;
}

/** Private characters that replace the chat format's markers in the reader's text. The text of other tokens must not contain them. */
const marks = /[\uFDD0-\uFDEF]/;

/** Creates the reader of a conversation's answer; undefined for a plain prompt. */
export function readerFor(
  { job, start }: Pick<PreparedGenerate, "job" | "start">,
  format: ChatFormat,
): AnswerReader | undefined {
  if (start === undefined) return undefined;
  // The client's grammar describes the whole answer, so the answer has no tool calls or other parts.
  const { prompt, sampling } = job.work;
  if (sampling.grammar !== undefined) return createReader({ format: { ...format, answer: [] }, tools: [], start });
  const given = prompt.kind === "messages" ? (prompt.tools ?? []) : [];
  const tools = given.map(({ function: { name, parameters } }) => ({ name, parameters }));
  return createReader({ format, tools, start });
}

/** @param reader parses a conversation's answer; undefined for a plain prompt, whose answer has no parts */
export function createAnswerParts(stop: readonly string[], reader: AnswerReader | undefined): AnswerParts {
  const decoder = createTextDecoder();
  const stops = createStopMatcher(stop);
  let stopped = false;

  function take(parts: readonly AnswerPart[], isLast = false): NewPieces {
    const pieces: Piece[] = [];
    const add = (text: string, part?: PartName): void => {
      if (part?.kind === "call" || text !== "") pieces.push(part === undefined ? { text } : { part, text });
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
      if (reader === undefined) return take([{ kind: "content", text: decoder.decode(bytes, { stream: true }) }]);
      if (mark === undefined) return take(reader.push(withoutMarks(decoder.decode(bytes, { stream: true }))));
      // Without `stream`, `decode` ends an unfinished character, because a marker follows.
      return take(reader.push(withoutMarks(decoder.decode()) + mark));
    },
    end: () => take(reader?.end() ?? [], true),
    get thinking() {
      return reader?.in === "reasoning";
    },
    get unreadableCalls() {
      return reader?.calls.unreadable ?? 0;
    },
    get stopString() {
      return stops.stopString;
    },
  };
}

function withoutMarks(text: string): string {
  return marks.test(text) ? text.replaceAll(new RegExp(marks, "g"), "\uFFFD") : text;
}

/** Joins the last token's text with the text that the end releases, where both belong to the same part. */
export function joinPieces(before: readonly Piece[], after: readonly Piece[]): readonly Piece[] {
  const [last, first] = [before.at(-1), after[0]];
  if (last === undefined || first === undefined || !isSamePart(last, first)) return [...before, ...after];
  return [...before.slice(0, -1), { ...last, text: last.text + first.text }, ...after.slice(1)];
}

function isSamePart({ part: a }: Piece, { part: b }: Piece): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.kind === b.kind && a.kind !== "call" && (a.kind === "reasoning" || a.index === (b as typeof a).index);
}
