import { describe, expect, it } from "vitest";
import { matchGbnf, readGbnf } from "../testing/match-gbnf.ts";
import { charsOf, complementSet } from "../rules/char-set.ts";
import { charClass, literal, repeat, sequence, type Expression } from "../rules/expression.ts";
import { createGrammarBuilder, type GrammarBuilder } from "./grammar-builder.ts";

/** The texts that the grammar with the start `build` accepts. */
function accepted(build: (builder: GrammarBuilder) => Expression, texts: readonly string[]): readonly string[] {
  const builder = createGrammarBuilder();
  const gbnf = readGbnf(builder.print(build(builder)));
  return texts.filter((text) => matchGbnf(gbnf, text).accepted);
}

const list = { type: "object", properties: { v: { type: "integer" }, next: { $ref: "#" } }, required: ["v"] };
const tree = {
  type: "object",
  properties: { c: { type: "array", items: { $ref: "#/$defs/node" } } },
  $defs: { node: { type: "object", properties: { n: { type: "null" } } } },
};

describe("a grammar of several schemas", () => {
  it("keeps a separate root for each schema", () => {
    const texts = [
      '{"v":1,"next":{"v":2}}|{"c":[{"n":null}]}',
      '{"v":1,"next":{"c":[]}}|{}',
      '{"v":1}|{"c":[{"v":1}]}',
    ];
    const both = (builder: GrammarBuilder): Expression =>
      sequence(builder.schema(list, "one"), literal("|"), builder.schema(tree, "two"));
    expect(accepted(both, texts)).toEqual(texts.slice(0, 1));
  });

  it("rejects a schema without values when it is added", () => {
    const builder = createGrammarBuilder();
    builder.schema(list, "fine");
    expect(() => builder.schema({ type: "object", properties: { a: false }, required: ["a"] }, "bad")).toThrow(
      "allows no value",
    );
    const endless = { type: "object", properties: { a: { $ref: "#" } }, required: ["a"] };
    expect(() => builder.schema(endless, "endless")).toThrow("allows no value");
  });

  it("leaves keywords that no grammar guarantees out of a schema, on request", () => {
    const overlapping = { oneOf: [{ type: "integer" }, { type: "number" }] };
    const tags = { type: "array", items: overlapping, uniqueItems: true };
    const schema = { type: "object", properties: { "a/b": { $ref: "#/$defs/t" } }, $defs: { t: tags }, not: {} };
    const builder = createGrammarBuilder();
    expect(() => builder.schema(schema, "refused")).toThrow('"not" at /not is not supported');
    const leftOut = builder.leaveOut(schema);
    const gbnf = readGbnf(builder.print(builder.schema(schema, "left-out")));
    expect([...leftOut].toSorted()).toEqual(["/$defs/t/items/oneOf", "/$defs/t/uniqueItems", "/not"]);
    const accepted = ['{"a/b":[1,1.5,1]}', '{"a/b":["x"]}'].filter((text) => matchGbnf(gbnf, text).accepted);
    expect(accepted).toEqual(['{"a/b":[1,1.5,1]}']);
  });

  it("accepts rules that contain themselves, and gives each rule an unused name", () => {
    const build = (builder: GrammarBuilder): Expression => {
      const nested = builder.reserve("root");
      nested.define(sequence(literal("("), repeat(nested.reference, 0, 1), literal(")")));
      return builder.rule("root", sequence(nested.reference, builder.rule("root", literal("!"))));
    };
    expect(accepted(build, ["(())!", "(()!", "()"])).toEqual(["(())!"]);
  });

  it("writes free text without certain strings, and without characters that represent control tokens", () => {
    const text = (builder: GrammarBuilder): Expression =>
      builder.anyTextExcept({ anywhere: [[["<tool>"]], [["</think>"]]] });
    const texts = ["", "a < b <tool", "<<tool", "</think", "é\n😀"];
    expect(accepted(text, [...texts, "x<tool>", "</think>y", "a\uFDD0b", "<<tool>"])).toEqual(texts);
  });
});

describe("separate members", () => {
  const schema = {
    type: "object",
    properties: {
      path: { type: "string" },
      mode: { enum: ["r", "w"] },
      code: { type: "string", pattern: "^[a-z<]+$" },
      size: { type: "integer" },
      name: { type: ["string", "null"] },
      either: { anyOf: [{ type: "string", minLength: 9_999 }, { const: "x" }] },
      never: false,
    },
    required: ["path", "size"],
  };

  it("lists names and kinds, and whether each member is required", () => {
    const properties = createGrammarBuilder().properties(schema, "tool");
    expect(properties.map(({ name, kind, required }) => [name, kind, required])).toEqual([
      ["path", "string", true],
      ["mode", "string", false],
      ["code", "string", false],
      ["size", "json", true],
      ["name", "json", false],
      ["either", "string", false],
    ]);
  });

  it.each([
    ["path", ["", "a\nb", "</p", 'say "hi"'], ["a</p>b", "\uFDD0"]],
    ["mode", ["r", "w"], ["x", '"r"']],
    ["code", ["a<b", "<"], ["", "A", "a</p>"]],
    ["either", ["x", "y".repeat(9_999)], ["y", "y".repeat(9_998)]],
  ])("writes %s without quotes before an end marker", (name, valid, invalid) => {
    const build = (builder: GrammarBuilder): Expression => {
      const property = builder.properties(schema, "tool").find((one) => one.name === name);
      return property?.raw("</p>") ?? literal("?");
    };
    expect(accepted(build, [...valid, ...invalid])).toEqual(valid);
  });

  it("never writes a value that overlaps with its end marker", () => {
    const build = (builder: GrammarBuilder): Expression => {
      const [property] = builder.properties({ properties: { a: { type: "string" } } }, "tool");
      return property?.raw("aab aa") ?? literal("?");
    };
    expect(accepted(build, ["a", "x", "aab aab aa", "aab ", "aab", "b aa"])).toEqual(["a", "x", "aab", "b aa"]);
  });

  it("keeps a long maxLength for texts without a rare character of the marker", () => {
    const build = (builder: GrammarBuilder): Expression => {
      const [property] = builder.properties({ properties: { a: { type: "string", maxLength: 5_000 } } }, "tool");
      return property?.raw("\n</p>") ?? literal("?");
    };
    const texts = ["<\n", "x".repeat(5_000), "x\n".repeat(2_500)];
    expect(accepted(build, [...texts, "x".repeat(5_001), `${"x".repeat(4_998)}\n</p>`])).toEqual(texts);
  });

  it("rejects an object whose members depend on each other", () => {
    const builder = createGrammarBuilder();
    const union = { type: "object", properties: { a: {}, b: {} }, anyOf: [{ required: ["a"] }, { required: ["b"] }] };
    expect(() => builder.properties(union, "tool")).toThrow("depend on each other");
    expect(() => builder.properties({ properties: { a: {}, b: {} }, minProperties: 1 }, "tool")).toThrow(
      "depend on each",
    );
    expect(() => builder.properties({ type: "array" }, "tool")).toThrow("does not describe an object");
  });
});

describe("expressions", () => {
  it("may contain a class of characters", () => {
    const word = (builder: GrammarBuilder): Expression =>
      builder.rule("word", repeat(charClass(complementSet(charsOf(" <"))), 1, 3));
    expect(accepted(word, ["abc", "a<", "", "abcd"])).toEqual(["abc"]);
  });
});
