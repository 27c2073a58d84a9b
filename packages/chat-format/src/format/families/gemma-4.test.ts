import { content, reasoning, testFamily, toolCall } from "../../testing/family-examples.ts";
import { gemma4 } from "./gemma-4.ts";

const call = (text: string): string => `<|tool_call>call:${text}<tool_call|>`;

testFamily(
  gemma4,
  ["<|channel>", "<channel|>", "<|tool_call>", "<tool_call|>", '<|"|>', "<turn|>", "<|turn>", "<|tool_response>"],
  {
    "a thought, an answer and an empty thought": [
      "",
      "<|channel>thought\nHm, think.<channel|>Yes.<|channel>thought\n<channel|><channel|><turn|>",
      [reasoning("Hm, think."), content("Yes.")],
    ],
    "an answer with thinking off": ["<|channel>thought\n<channel|>", "Yes.<turn|>", [content("Yes.")]],
    "a channel opened twice": ["", "<|channel><|channel>thought\nHm.<channel|>", [reasoning("Hm.")]],
    "arguments of every type": [
      "",
      call(
        'book{city:<|"|>New "York", {x}\n\\n<|"|>,days:5,note:null,paid:true,stops:[{age:1.5e3,name:<|"|>A<|"|>},{}],tags:[<|"|>a<|"|>,<|"|><|"|>],who:{}}',
      ) + "<|tool_response>",
      [
        toolCall(
          "book",
          String.raw`{"city": "New \"York\", {x}\n\\n", "days": 5, "note": null, "paid": true, "stops": [{"age": 1.5e3, "name": "A"}, {}], "tags": ["a", ""], "who": {}}`,
        ),
      ],
    ],
    "content and two calls, one without arguments": [
      "",
      `First this.${call("now{}")}${call("now{ }")}`,
      [content("First this."), toolCall("now", "{}"), toolCall("now", "{}")],
    ],
    "quotes and words that the template does not write": [
      "",
      call('book{ "city" : "a \\"b\\"", "note": Paris, France, days: 3 }').replace("Paris, France", "Paris"),
      [toolCall("book", String.raw`{"city": "a \"b\"", "note": "Paris", "days": 3}`)],
    ],
    "JSON in braces": ["", call('book{{"days":7,"note":null}}'), [toolCall("book", '{"days": 7, "note": null}')]],
    "a text cut off": ["", '<|tool_call>call:book{city:<|"|>New', [toolCall("book", '{"city": "New')]],
    "a number cut off": ["", "<|tool_call>call:book{days:1", [toolCall("book", '{"days": ')]],
    "an unknown tool": ["", call("no{}"), [content("<|tool_call>call:no{}<tool_call|>")]],
  },
);
