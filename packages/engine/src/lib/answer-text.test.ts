import { createReader, genericFormat, type ChatFormat } from "@waggle/chat-format";
import { describe, expect, test } from "vitest";
import { createAnswerText, type AnswerText, type Piece } from "./answer-text.ts";

const encoder = new TextEncoder();
const tools = [{ name: "look" }];

function open(stop: readonly string[] = [], format: ChatFormat = genericFormat): AnswerText {
  return createAnswerText(stop, createReader({ format, tools }));
}

/** A character at a time, and all that is left at the end. */
function say(text: AnswerText, said: string): readonly Piece[] {
  const pieces = [...said].flatMap((character) => text.push(encoder.encode(character), undefined).pieces);
  return [...pieces, ...text.end().pieces];
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
  test("falls into parts", () => {
    expect(joined(say(open(), `<think>Hm STOP</think>So be it.${call}`))).toEqual([
      "reasoning: Hm STOP",
      "content: So be it.",
      "call look: ",
      'arguments: {"at": "STOP"}',
    ]);
  });

  test("stop strings end content, and neither thoughts nor calls", () => {
    const text = open(["STOP"]);
    expect(joined(say(text, `<think>STOP</think>a${call}bSTOPc`))).toEqual([
      "reasoning: STOP",
      "content: a",
      "call look: ",
      'arguments: {"at": "STOP"}',
      "content: b",
    ]);
    expect(text.end().stopped).toBe(true);
  });

  test("what could have become a stop string comes before the call that shows it is none", () => {
    expect(joined(say(open(["STOP"]), `aST${call}`))).toEqual([
      "content: aST",
      "call look: ",
      'arguments: {"at": "STOP"}',
    ]);
  });

  test("a character that a marker breaks off is U+FFFD, and nobody else can say a mark", () => {
    const text = open();
    text.push(Uint8Array.of(0xf0, 0x9f), undefined);
    expect(text.push(new Uint8Array(), "\uFDD5").pieces).toEqual([{ text: "\uFFFD" }]);
    expect(joined(say(open(), "a\uFDD1b"))).toEqual(["content: a\uFFFDb"]);
  });

  test("knows when it thinks", () => {
    const text = open();
    for (const character of "<think>a") text.push(encoder.encode(character), undefined);
    expect(text.thinking).toBe(true);
    for (const character of "</think>b") text.push(encoder.encode(character), undefined);
    expect(text.thinking).toBe(false);
  });
});

test("a plain prompt's answer is text, whatever it says", () => {
  expect(joined(say(createAnswerText(["STOP"], undefined), "<think>a</think>bSTOPc"))).toEqual([
    "content: <think>a</think>b",
  ]);
});
