// Owns an example of each kind of syntax, with answers and their parts.
import type { AnswerPart } from "../format/answer.ts";
import { genericAnswer } from "../format/derive/generic.ts";
import type { ChatFormat } from "../format/format.ts";
import { type Syntax, blank, choice, literal, optional, sequence } from "../format/syntax.ts";
import { formatOf } from "./read-answer.ts";

export const json: Syntax = { kind: "arguments", syntax: { kind: "json" } };
const object = { kind: "object", name: "name", arguments: "arguments", id: "id" } as const;
const thought = (open: string, close: string): Syntax =>
  sequence(literal(open), { kind: "text", part: "reasoning", until: [close] }, literal(close));

/** `<think>`, and calls as JSON objects in `<tool_call>` tags. */
export const tagged = formatOf(...genericAnswer);

/** `[TOOL_CALLS]weather[CALL_ID]abc[ARGS]{…}`, with an optional id. */
export const named = formatOf(
  sequence(
    literal("[TOOL_CALLS]"),
    { kind: "name", until: ["[CALL_ID]", "[ARGS]"] },
    optional(sequence(literal("[CALL_ID]"), { kind: "id", until: ["[ARGS]"] })),
    literal("[ARGS]"),
    json,
  ),
);

/** A list of calls. */
export const list = formatOf(
  sequence(literal("[CALLS]"), literal("["), { kind: "repeat", item: object, separator: ", " }, blank(), literal("]")),
);

/** `<function=weather><parameter=city>…` */
export const tags = formatOf(
  sequence(
    literal("<function="),
    { kind: "name", until: [">"] },
    literal(">"),
    {
      kind: "arguments",
      syntax: {
        kind: "tags",
        key: { open: "<parameter=", close: ">" },
        value: { open: "", close: "</parameter>" },
        lines: true,
        separator: "\n",
      },
    },
    blank("\n"),
    literal("</function>"),
  ),
);

/** Parts that begin with the same marker: the text after the marker distinguishes the parts. */
export const channels = formatOf(
  sequence(
    literal("<|channel|>"),
    choice(
      thought("analysis:", "<|end|>"),
      sequence(literal("final:"), { kind: "text", part: "content", until: ["<|end|>"] }, literal("<|end|>")),
      sequence(
        literal("to="),
        { kind: "name", until: [" ", ":"] },
        { kind: "text", part: "nothing", until: [":"] },
        literal(":"),
        json,
        literal("<|end|>"),
      ),
    ),
  ),
);

const call = (index: number, name: string, args: string, id?: string): AnswerPart[] => [
  { kind: "call", index, name, ...(id === undefined ? {} : { id }) },
  { kind: "arguments", index, text: args },
];
const content = (text: string): AnswerPart => ({ kind: "content", text });
const reasoning = (text: string): AnswerPart => ({ kind: "reasoning", text });

export interface Example {
  readonly name: string;
  readonly format: ChatFormat;
  readonly text: string;
  readonly parts: readonly AnswerPart[];
}

const rows: Readonly<Record<string, readonly [ChatFormat, string, readonly AnswerPart[]]>> = {
  "plain text": [tagged, " Hello, <b>you</b>. ", [content(" Hello, <b>you</b>. ")]],
  "a thought": [tagged, "\n<think>\nHm, <b>.\n</think>\n\nYes.", [reasoning("Hm, <b>."), content("Yes.")]],
  "a thought that never ends": [tagged, "<think>on and on </th", [reasoning("on and on </th")]],
  "text, then two tagged objects": [
    tagged,
    'Let me look.\n<tool_call>\n{"name": "weather", "arguments": {"city": "a}\\"b"}}\n</tool_call>\n<tool_call>{"arguments":{},"name":"time"}</tool_call>',
    [content("Let me look."), ...call(0, "weather", '{"city": "a}\\"b"}'), ...call(1, "time", "{}")],
  ],
  "a bare object": [
    tagged,
    '{"name": "time", "parameters": {"zone": [1, {"x": "]"}]}}',
    call(0, "time", '{"zone": [1, {"x": "]"}]}'),
  ],
  "arguments in a string": [tagged, '{"name":"time","arguments":"{\\"a\\": 1}"}', call(0, "time", '{"a": 1}')],
  "no arguments": [tagged, '<tool_call>{"name":"time"}</tool_call>', call(0, "time", "{}")],
  "a name, an id and JSON": [
    named,
    '[TOOL_CALLS]weather[CALL_ID]abc[ARGS]{"days": 2}',
    call(0, "weather", '{"days": 2}', "abc"),
  ],
  "the same without the id": [named, "Yes. [TOOL_CALLS]time[ARGS]{}", [content("Yes."), ...call(0, "time", "{}")]],
  "a list of objects": [
    list,
    '[CALLS][{"id": "c7", "name": "time", "arguments": {}}, {"name": "weather", "arguments": {"days": 1}}\n] Done.',
    [...call(0, "time", "{}", "c7"), ...call(1, "weather", '{"days": 1}'), content("Done.")],
  ],
  "arguments between tags, typed by the schema": [
    tags,
    '<function=weather>\n<parameter=city>\n "Oslo"\n </parameter>\n<parameter=days>\n3\n</parameter>\n<parameter=where>{"x": [1]}</parameter>\n<parameter=note>null</parameter>\n<parameter=other>two</parameter>\n</function>',
    call(0, "weather", '{"city": " \\"Oslo\\"\\n ", "days": 3, "where": {"x": [1]}, "note": null, "other": "two"}'),
  ],
  "tags without arguments": [tags, "<function=time>\n</function>", call(0, "time", "{}")],
  channels: [
    channels,
    '<|channel|>analysis:Hm.<|end|><|channel|>to=time in json:{"a":1}<|end|><|channel|>final:Now.<|end|>',
    [reasoning("Hm."), ...call(0, "time", '{"a":1}'), content("Now.")],
  ],
  "JSON that is no call": [tagged, '{"name": "Lily", "arguments": 1}', [content('{"name": "Lily", "arguments": 1}')]],
  "a tag without a call": [tagged, "<tool_call>nothing", [content("<tool_call>nothing")]],
  "an unknown tool": [named, "[TOOL_CALLS]timer[ARGS]{}", [content("[TOOL_CALLS]timer[ARGS]{}")]],
  "an unknown channel": [channels, "<|channel|>other:x", [content("<|channel|>other:x")]],
  "arguments cut off": [
    tagged,
    'Yes.<tool_call>{"name": "time", "arguments": {"a": "b',
    [content("Yes."), ...call(0, "time", '{"a": "b')],
  ],
  "a name cut off": [tagged, 'Yes.<tool_call>{"name": "ti', [content('Yes.<tool_call>{"name": "ti')]],
  "a name without arguments": [tagged, '<tool_call>{"name": "time"', call(0, "time", "").slice(0, 1)],
  "JSON of another kind": [
    tagged,
    '<tool_call>{"x": {"name": "time"}}',
    [content('<tool_call>{"x": {"name": "time"}}')],
  ],
  "a marker, then a call": [
    tagged,
    'The <tool_call> tag: <tool_call>{"name":"time","arguments":{}}</tool_call>',
    [content("The <tool_call> tag:"), ...call(0, "time", "{}")],
  ],
  "tags cut off": [tags, "<function=weather><parameter=city>Os", call(0, "weather", '{"city": "Os')],
  "a tag's beginning at the end": [tagged, "a <tool_", [content("a <tool_")]],
};

export const examples: readonly Example[] = Object.entries(rows).map(([name, [format, text, parts]]) => ({
  name,
  format,
  text,
  parts,
}));
