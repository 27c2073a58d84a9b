import { content, reasoning, testFamily, toolCall } from "../../testing/family-examples.ts";
import { kimiK3 } from "./kimi-k3.ts";

const section = (tag: string, text: string): string =>
  `<|open|>${tag}<|sep|>${text}<|close|>${tag.split(" ")[0] ?? ""}<|sep|>`;
const argument = (key: string, type: string, text: string): string =>
  section(`argument key="${key}" type="${type}"`, text);
const call = (name: string, ...parts: readonly string[]): string =>
  section(`call tool="${name}" index="1"`, parts.join(""));
const end = "<|close|>message<|sep|><|end_of_msg|>";
const thinking = "<|open|>think<|sep|>";

testFamily(kimiK3, ["<|open|>", "<|close|>", "<|sep|>", "<|end_of_msg|>"], {
  "a thought and a response": [
    thinking,
    `Hm, think.<|close|>think<|sep|>${section("response", "The message, in response.")}${end}`,
    [reasoning("Hm, think."), content("The message, in response.")],
  ],
  "a thought that the beginning of the response ends": [
    thinking,
    `Hm.${section("response", "Yes.")}`,
    [reasoning("Hm."), content("Yes.")],
  ],
  "a thought that is cut off": [thinking, "On and on", [reasoning("On and on")]],
  "arguments of every type": [
    "<|open|>response<|sep|>",
    `<|close|>response<|sep|>${section(
      "tools",
      call(
        "book",
        argument("city", "string", ' "5"\n'),
        argument("days", "number", "5"),
        argument("who", "object", '{"name":"Ann","age":1.5}'),
        argument("tags", "array", '["a","b"]'),
        argument("paid", "boolean", "true"),
        argument("note", "null", "null"),
      ) + call("now", argument("a &quot;b&quot; &amp;", "string", "5"), argument("c", "number", "5")),
    )}${end}`,
    [
      toolCall(
        "book",
        String.raw`{"city": " \"5\"\n", "days": 5, "who": {"name":"Ann","age":1.5}, "tags": ["a","b"], "paid": true, "note": null}`,
      ),
      toolCall("now", String.raw`{"a \"b\" &": "5", "c": 5}`),
    ],
  ],
  "arguments as one JSON object, and a call without arguments": [
    "<|open|>response<|sep|>",
    `Ok.<|close|>response<|sep|>${section("tools", call("book", section('json type="object"', '{"days": 2}')) + call("now"))}`,
    [content("Ok."), toolCall("book", '{"days": 2}'), toolCall("now", "{}")],
  ],
  "a call cut off": [
    "<|open|>response<|sep|>",
    '<|open|>tools<|sep|><|open|>call tool="book" index="1"<|sep|><|open|>argument key="city" type="string"<|sep|>Os',
    [toolCall("book", '{"city": "Os')],
  ],
});
