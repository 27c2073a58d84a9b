// Tests what becomes of odd results, errors, lists of tools and messages, in the forms that servers are known or likely to send.
import { describe, expect, it } from "vitest";
import { rpcAnswer, readMessages, replyTo } from "../thread/messages.ts";
import { readError, readResult } from "./read-result.ts";
import { toolListOf } from "./tool-list.ts";

const fine = { type: "text", text: "fine" };
/** A picture of one pixel; only its base64 matters here. */
const data = "R0lGODlhAQABAAAAACw=";
const image = { type: "image", mimeType: "image/png", data };
const deep = (levels: number): unknown => JSON.parse("[".repeat(levels) + "]".repeat(levels));
const taken = (count: number, mimeType = "image/png"): unknown =>
  Array.from({ length: count }, () => ({ mimeType, data }));

describe("results", () => {
  it.each<[name: string, result: unknown, text: string, pictures?: unknown]>([
    ["no result", null, "[The result is empty.]"],
    ["a result that is a text", "fine", "fine"],
    ["a result that is a number", 7, "7"],
    ["a result that is a list", [fine], '[{"type":"text","text":"fine"}]'],
    ["an empty object", {}, "{}"],
    ["fields of an older protocol", { toolResult: 1 }, '{"toolResult":1}'],
    ["content that is null", { content: null }, ""],
    ["content without parts", { content: [] }, ""],
    ["content that is a text", { content: "fine" }, "fine"],
    ["content that is one part", { content: fine }, "fine"],
    ["content that is a number", { content: 7 }, "7"],
    ["parts that are texts", { content: ["a", "b"] }, "a\nb"],
    ["a part that is null", { content: [null, fine] }, "[empty part, left out]\nfine"],
    ["a part that is a list", { content: [[1], fine] }, "[1]\nfine"],
    ["a part without a type", { content: [{ text: "fine" }] }, "fine"],
    ["a part that is empty", { content: [{}, fine] }, "[part without a type, left out]\nfine"],
    ["many odd parts in a row", { content: [{}, {}, {}, fine] }, "[part without a type, left out] (3 times)\nfine"],
    ["a part whose type is no text", { content: [{ type: 1, text: "fine" }] }, "fine"],
    [
      "a part of an unknown type",
      { content: [fine, { type: "video", data: "x" }] },
      'fine\n[part of type "video", left out]',
    ],
    [
      "a part with JSON",
      { content: [fine, { type: "json", json: { a: 1 } }] },
      'fine\n[part of type "json", left out]',
    ],
    ["a text of another API", { content: [{ type: "output_text", text: "fine" }] }, "fine"],
    ["a text that is null", { content: [{ type: "text", text: null }, fine] }, '[part of type "text", left out]\nfine'],
    ["a text that is a number", { content: [{ type: "text", text: 7 }] }, "7"],
    ["half a character", { content: "a\ud800" }, "a\u{fffd}"],
    ["a picture", { content: [fine, image] }, "fine\n[image of type image/png]", taken(1)],
    [
      "a picture as a URL of data",
      { content: [{ ...image, data: `data:image/png;base64,${data}` }] },
      "[image of type image/png]",
      taken(1),
    ],
    [
      "base64 with line breaks",
      { content: [{ ...image, data: `${data.slice(0, 4)}\r\n${data.slice(4)}` }] },
      "[image of type image/png]",
      taken(1),
    ],
    ["a picture without a type", { content: [{ ...image, mimeType: null }] }, "[image of an unknown type, left out]"],
    [
      "a picture that is no picture",
      { content: [{ ...image, mimeType: "text/html" }] },
      "[image of type text/html, left out]",
    ],
    ["a picture without data", { content: [{ ...image, data: undefined }] }, "[image of type image/png, left out]"],
    ["a picture that is not base64", { content: [{ ...image, data: "<svg>" }] }, "[image of type image/png, left out]"],
    [
      "nine pictures",
      { content: Array(9).fill(image) },
      "[image of type image/png] (8 times)\n[image of type image/png, left out]",
      taken(8),
    ],
    [
      "a picture that is too large",
      { content: [{ ...image, data: "A".repeat(4_194_305) }] },
      "[image of type image/png, left out]",
    ],
    ["a sound", { content: [{ type: "audio", mimeType: "audio/wav", data }] }, "[audio of type audio/wav, left out]"],
    [
      "a resource without a URI",
      { content: [{ type: "resource", resource: { text: "fine", mimeType: null } }] },
      "fine",
    ],
    ["a resource that is a text", { content: [{ type: "resource", resource: "fine" }] }, "fine"],
    ["a resource that is absent", { content: [{ type: "resource" }] }, "[empty resource, left out]"],
    [
      "a resource with data",
      { content: [{ type: "resource", resource: { uri: "x:y", blob: "AA==" } }] },
      "[data of x:y, left out]",
    ],
    [
      "a resource that is a picture",
      { content: [{ type: "resource", resource: { mimeType: "image/gif", blob: data } }] },
      "[image of type image/gif]",
      taken(1, "image/gif"),
    ],
    ["a link", { content: [{ type: "resource_link", uri: "x:y" }] }, "[link to x:y]"],
    ["a link without a URI", { content: [{ type: "resource_link" }] }, "[link without a URI, left out]"],
    ["structured content alone", { structuredContent: { a: 1 } }, '{"a":1}'],
    ["structured content next to a text", { content: [fine], structuredContent: { a: 1 } }, 'fine\n{"a":1}'],
    ["structured content that the text repeats", { content: '{ "a": 1 }', structuredContent: { a: 1 } }, '{ "a": 1 }'],
    ["a text in structured content", { content: "fine", structuredContent: { result: "fine" } }, "fine"],
    ["a list in structured content", { content: ["1", "two"], structuredContent: { result: [1, "two"] } }, "1\ntwo"],
    ["structured content that is null", { content: [fine], structuredContent: null }, "fine"],
    [
      "structured content with too many levels",
      { content: [fine], structuredContent: deep(6_000) },
      "fine\n[value with too many levels, left out]",
    ],
    ["too many parts", { content: Array(1_030).fill("") }, `${"\n".repeat(1_024)}[6 more parts, left out]`],
  ])("%s", (_, result, text, pictures) => {
    expect(readResult(result)).toEqual({ kind: "done", text, ...(pictures === undefined ? {} : { pictures }) });
  });

  it.each([true, "true"])("an error that says %j", (isError) => {
    expect(readResult({ content: "no", isError })).toEqual({ kind: "tool_error", text: "no" });
  });

  it.each([
    [
      { a: { method: "elicitation/create" }, b: {} },
      "The tool asks for input (elicitation/create), which it cannot get here.",
    ],
    [undefined, "The tool asks for input, which it cannot get here."],
  ])("a request for input %j", (inputRequests, text) => {
    expect(readResult({ resultType: "input_required", inputRequests })).toEqual({ kind: "tool_error", text });
  });
});

it.each<[error: unknown, text: string]>([
  [{ code: -32000, message: "the disk is full" }, "the disk is full"],
  [{ code: -32000, message: "Error", data: "the disk is full" }, "Error\nthe disk is full"],
  [{ code: -32000, message: "the disk is full", data: "disk" }, "the disk is full"],
  [{ code: -32000 }, "The tool failed with the error code -32000."],
  [{ code: "E", message: "" }, "The tool failed."],
  ["the disk is full", "the disk is full"],
  [[], "The tool failed."],
])("the error %j is the tool's error", (error, text) => {
  expect(readError(error)).toEqual({ kind: "tool_error", text });
});

describe("lists of tools", () => {
  const object = { type: "object" };
  it.each<[name: string, tool: unknown, offered: unknown, leftOut: readonly string[]]>([
    ["no schema", { name: "t" }, object, []],
    ["a schema that is null", { name: "t", inputSchema: null }, object, []],
    ["an empty schema", { name: "t", inputSchema: {} }, object, []],
    ["a schema without a type", { name: "t", inputSchema: { properties: {} } }, { properties: {}, ...object }, []],
    ["a description that is a number", { name: "t", description: 7, inputSchema: object }, object, []],
    ["a schema that is a text", { name: "t", inputSchema: "{}" }, undefined, ["t: its parameters are no object"]],
    ["a schema that is a list", { name: "t", inputSchema: [] }, undefined, ["t: its parameters are no object"]],
    [
      "a schema of a text",
      { name: "t", inputSchema: { type: "string" } },
      undefined,
      ["t: its parameters are not of type object"],
    ],
    [
      "a schema of 600 levels",
      { name: "t", inputSchema: { x: deep(600) } },
      undefined,
      ["t: its parameters have more than 124 levels"],
    ],
    [
      "a schema of 6,000 levels",
      { name: "t", inputSchema: { x: deep(6_000) } },
      undefined,
      ["t: its parameters have more than 124 levels"],
    ],
    [
      "a long schema",
      { name: "t", inputSchema: { x: "y".repeat(50_000) } },
      undefined,
      ["t: its parameters have more than 32768 characters"],
    ],
    ["no name", { inputSchema: object }, undefined, ["entry 2: it has no name"]],
    ["a name that is a number", { name: 7, inputSchema: object }, undefined, ["entry 2: it has no name"]],
    ["a null", null, undefined, ["entry 2: it has no name"]],
    ["a text", "t", undefined, ["entry 2: it has no name"]],
    [
      "a name of other characters",
      { name: "日本" },
      undefined,
      ["日本: its name has other characters than letters, digits, _, . and -"],
    ],
    [
      "a long name",
      { name: "x".repeat(62) },
      undefined,
      [`${"x".repeat(62)}: its name with the server's has more than 64 characters`],
    ],
    ["the name of another tool", { name: "good", inputSchema: null }, undefined, []],
  ])("%s", (_, tool, offered, leftOut) => {
    const list = toolListOf("s", [{ name: "good", inputSchema: object }, tool, tool], new Set());
    expect(list.tools.map(({ name, parameters }) => [name, parameters])).toEqual(
      offered === undefined
        ? [["good", object]]
        : [
            ["good", object],
            ["t", offered],
          ],
    );
    // Entries without a name cannot be recognised as equal, so each is listed.
    expect(list.leftOut.filter((text) => !text.startsWith("entry 3"))).toEqual(leftOut);
  });

  it("offers the first entry of a name that can be offered, and names no offered tool as left out", () => {
    const entries = [{ inputSchema: 1 }, { description: "a" }, { description: "b" }, { inputSchema: 1 }];
    const listed = entries.map((entry) => ({ name: "t", ...entry }));
    const list = toolListOf("s", listed, new Set(["t"]));
    expect(list).toMatchObject({ tools: [{ functionName: "s__t", description: "a", allowed: true }], leftOut: [] });
  });

  it("limits the tools of a server, and the parameters of all together", () => {
    const many = Array.from({ length: 200 }, (_, index) => ({ name: `t${index}` }));
    const { tools, leftOut } = toolListOf("s", many, new Set());
    expect([tools.length, leftOut.length]).toEqual([128, 72]);
    expect(leftOut[0]).toBe("t128: the server has more than 128 tools");
    const large = many.slice(0, 20).map(({ name }) => ({ name, inputSchema: { x: "y".repeat(32_000) } }));
    const list = toolListOf("s", large, new Set());
    expect(list.tools).toHaveLength(16);
    expect(list.leftOut[0]).toBe("t16: the parameters of all tools have more than 524288 characters");
    const divided = many.slice(0, 10).map(({ name }) => ({ name, inputSchema: { enum: Array(8_000).fill(0) } }));
    const { leftOut: wide } = toolListOf("s", divided, new Set());
    expect(wide[0]).toBe("t4: the parameters of all tools have more than 32768 values");
  });
});

it.each<[text: string, kinds: readonly unknown[]]>([
  ["Server running on stdio", []],
  ["", []],
  ["null", []],
  ["7", []],
  ['[1, {"id":1,"result":{}}]', ["result"]],
  ['{"id":1,"result":null}', ["result"]],
  ['{"id":1,"error":null,"result":{}}', ["result"]],
  ['{"id":1,"error":"no"}', ["error"]],
  ['{"id":1}', ["error"]],
  ['{"jsonrpc":"1.0"}', [undefined]],
  ['{"id":1,"method":"ping","result":{}}', [undefined]],
])("reads the line %s", (text, kinds) => {
  expect(readMessages(text).map((message) => rpcAnswer(message)?.kind)).toEqual(kinds);
});

it.each([
  [
    { id: 1, method: "ping" },
    { jsonrpc: "2.0", id: 1, result: {} },
  ],
  [
    { id: "a", method: "roots/list" },
    expect.objectContaining({ id: "a", error: expect.objectContaining({ code: -32601 }) as unknown }),
  ],
  [{ id: "i".repeat(257), method: "ping" }, undefined],
  [{ id: {}, method: "ping" }, undefined],
  [{ id: null, method: "ping" }, undefined],
  [{ method: "notifications/message" }, undefined],
])("answers %j", (message, reply) => {
  expect(replyTo(message)).toEqual(reply);
});
