import { createReader, genericFormat, type ChatFormat } from "@waggle/chat-format/format";
import { describe, expect, test } from "vitest";
import { createAnswerParts, type AnswerParts, type Piece } from "./answer-parts.ts";

const encoder = new TextEncoder();
const tools = [{ name: "look" }];

function open(stop: readonly string[] = [], format: ChatFormat = genericFormat): AnswerParts {
  return createAnswerParts(stop, createReader({ format, tools }));
}

/** Pushes the text one character at a time, then ends the answer. */
function push(parts: AnswerParts, text: string): readonly Piece[] {
  const pieces = [...text].flatMap((character) => parts.push(encoder.encode(character), undefined).pieces);
  return [...pieces, ...parts.end().pieces];
}

/** Joins neighbouring pieces of the same part. */
function joined(pieces: readonly Piece[]): string[] {
  const all: string[] = [];
  let last = "";
  for (const { part, text } of pieces) {
    const name = part === undefined ? "content" : part.kind === "call" ? `call ${part.name}` : part.kind;
    if (name === last) all[all.length - 1] += text;
    else all.push(`${name}: ${text}`);
    last = name;
  }
  return all;
}

const call = '<tool_call>{"name": "look", "arguments": {"at": "STOP"}}</tool_call>';

describe("an answer to messages", () => {
  test("ends at a stop string in its content, but not in reasoning or calls", () => {
    const text = open(["STOP"]);
    expect(joined(push(text, `<think>STOP</think>a${call}bSTOPc`))).toEqual([
      "reasoning: STOP",
      "content: a",
      "call look: ",
      'arguments: {"at": "STOP"}',
      "content: b",
    ]);
    expect(text.end().stopped).toBe(true);
  });

  test("releases a held-back beginning of a stop string before a call", () => {
    expect(joined(push(open(["STOP"]), `aST${call}`))).toEqual([
      "content: aST",
      "call look: ",
      'arguments: {"at": "STOP"}',
    ]);
  });

  test("has U+FFFD for a character that a marker cuts off, and for a mark in a token's text", () => {
    const text = open();
    text.push(Uint8Array.of(0xf0, 0x9f), undefined);
    expect(text.push(new Uint8Array(), "\uFDD5").pieces).toEqual([{ text: "\uFFFD" }]);
    expect(joined(push(open(), "a\uFDD1b"))).toEqual(["content: a\uFFFDb"]);
  });
});

test("the answer to a plain prompt is text, even with markers in it", () => {
  expect(joined(push(createAnswerParts(["STOP"], undefined), "<think>a</think>bSTOPc"))).toEqual([
    "content: <think>a</think>b",
  ]);
});
