import { content, reasoning, testFamily, toolCall } from "../../testing/family-examples.ts";
import { apriel } from "./apriel.ts";

testFamily(apriel, ["[BEGIN FINAL RESPONSE]", "<tool_calls>", "</tool_calls>", "<|end|>", "<|begin_assistant|>"], {
  "a thought, content and calls": [
    "Here are my reasoning steps:\n",
    'Hm.\n[BEGIN FINAL RESPONSE]\nLet me see.\n<tool_calls>[{"name": "now", "arguments": {}}, {"name": "book", "arguments": {"days": 3}, "id": "a"}]</tool_calls>\n<|end|>\n',
    [reasoning("Hm."), content("Let me see."), toolCall("now", "{}"), toolCall("book", '{"days": 3}')],
  ],
  "a call cut off": [
    "Here are my reasoning steps:\n",
    'Hm. [BEGIN FINAL RESPONSE]<tool_calls>[{"name": "book", "arguments": {"city": "Os',
    [reasoning("Hm."), toolCall("book", '{"city": "Os')],
  ],
});
