import { createReader, genericFormat, type ChatFormat } from "@waggle/chat-format/format";
import { describe, expect, test } from "vitest";
import { createAnswerParts, type AnswerParts, type Piece } from "./answer-parts.ts";

const encoder = new TextEncoder();
const tools = [{ name: "look" }];

function open(stop: readonly string[] = [], format: ChatFormat = genericFormat): AnswerParts {
  return createAnswerParts(stop, createReader({ format, tools }));
}

/** A character at a time, and all that is left at the end. */
function push(parts: AnswerParts, text: string): readonly Piece[] {
  const pieces = [...text].flatMap((character) => parts.push(encoder.encode(character), undefined).pieces);
  return [...pieces, ...parts.end().pieces];
}

/** Neighbours of one part put together. */
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
  test("is split into parts", () => {
    expect(joined(push(open(), `<think>Hm STOP</think>So be it.${call}`))).toEqual([
      "reasoning: Hm STOP",
      "content: So be it.",
      "call look: ",
      'arguments: {"at": "STOP"}',
    ]);
  });

  test("stop strings end content, and neither thoughts nor calls", () => {
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

  test("text that could have become a stop string comes before the call that rules it out", () => {
    expect(joined(push(open(["STOP"]), `aST${call}`))).toEqual([
      "content: aST",
      "call look: ",
      'arguments: {"at": "STOP"}',
    ]);
  });

  test("a character that a marker breaks off is U+FFFD, and no other token can write a mark", () => {
    const text = open();
    text.push(Uint8Array.of(0xf0, 0x9f), undefined);
    expect(text.push(new Uint8Array(), "\uFDD5").pieces).toEqual([{ text: "\uFFFD" }]);
    expect(joined(push(open(), "a\uFDD1b"))).toEqual(["content: a\uFFFDb"]);
  });

  test("knows when it thinks", () => {
    const text = open();
    for (const character of "<think>a") text.push(encoder.encode(character), undefined);
    expect(text.thinking).toBe(true);
    for (const character of "</think>b") text.push(encoder.encode(character), undefined);
    expect(text.thinking).toBe(false);
  });
});

test("a plain prompt's answer is text, whatever it contains", () => {
  expect(joined(push(createAnswerParts(["STOP"], undefined), "<think>a</think>bSTOPc"))).toEqual([
    "content: <think>a</think>b",
  ]);
});
