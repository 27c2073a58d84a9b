import { content, reasoning, testFamily, toolCall } from "../../testing/family-examples.ts";
import { lfm2 } from "./lfm2.ts";

const calls = (text: string): string => `<|tool_call_start|>[${text}]<|tool_call_end|>`;

testFamily(lfm2, ["<think>", "</think>", "<|tool_call_start|>", "<|tool_call_end|>"], {
  "a thought, content and a call": [
    "",
    `<think>Hm, think.</think>First this.${calls('book(city="Oslo")')}`,
    [reasoning("Hm, think."), content("First this."), toolCall("book", '{"city": "Oslo"}')],
  ],
  "arguments of every type, two calls": [
    "",
    calls(
      `book(city='New "York"', days=5, paid=True, note=None, who={"name": "Ann", 'age': 1.5}, tags=['a', "b'c"], stops=[{}, {'age': -2}]), now()`,
    ),
    [
      toolCall(
        "book",
        String.raw`{"city": "New \"York\"", "days": 5, "paid": true, "note": null, "who": {"name": "Ann", "age": 1.5}, "tags": ["a", "b'c"], "stops": [{}, {"age": -2}]}`,
      ),
      toolCall("now", "{}"),
    ],
  ],
  "escapes, and characters that look like quotes": [
    "",
    calls(String.raw`book(city="a\n\t\\ \"b\" \x41\u00e9\U0001F600 \d", note='it's C:\docs, say('x'), or so')`),
    [toolCall("book", String.raw`{"city": "a\n\t\\ \"b\" Aé😀 \\d", "note": "it's C:\\docs, say('x'), or so"}`)],
  ],
  "three quotes": [
    "",
    calls(`book(city="""a "b"\n'c'""", note='')`),
    [toolCall("book", String.raw`{"city": "a \"b\"\n'c'", "note": ""}`)],
  ],
  "values by position, JSON's constants, Python's numbers, a tuple": [
    "",
    calls(`book("Oslo", 1_000, paid=true, note=null, tags=("a",))`),
    [toolCall("book", '{"city": "Oslo", "days": 1000, "paid": true, "note": null, "tags": ["a"]}')],
  ],
  "a number for a string argument": ["", calls("book(city=5, days=5)"), [toolCall("book", '{"city": "5", "days": 5}')]],
  "a JSON list, for system prompts that ask for one": [
    "",
    calls('{"name": "book", "arguments": {"days": 5}}, {"name": "now", "arguments": {}}'),
    [toolCall("book", '{"days": 5}'), toolCall("now", "{}")],
  ],
  "a text cut off": ["", '<|tool_call_start|>[book(city="Os', [toolCall("book", '{"city": "Os')]],
  "a list cut off": ["", "<|tool_call_start|>[book(tags=['a', 'b'", [toolCall("book", '{"tags": ["a", "b"')]],
  "a name cut off": ["", "Yes.<|tool_call_start|>[bo", [content("Yes.<|tool_call_start|>[bo")]],
  "an unknown tool": ["", calls("no()"), [content(calls("no()"))]],
});
