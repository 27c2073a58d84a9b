import { content, reasoning, testFamily, toolCall } from "../../testing/family-examples.ts";
import { gptOss } from "./gpt-oss.ts";

const thought = "<|channel|>analysis<|message|>Hm, think.<|end|><|start|>assistant";
const json = '{"city": "<|a|>", "days": 2}';

testFamily(gptOss, ["<|channel|>", "<|message|>", "<|constrain|>", "<|start|>", "<|end|>", "<|return|>", "<|call|>"], {
  "a thought and an answer": [
    "",
    `${thought}<|channel|>final<|message|>Yes.<|return|>`,
    [reasoning("Hm, think."), content("Yes.")],
  ],
  "an answer that the prompt began": ["<|channel|>final<|message|>", "Yes.<|return|>", [content("Yes.")]],
  "JSON for an answer": ["", "<|channel|>final <|constrain|>json<|message|>[1]<|return|>", [content("[1]")]],
  "a call after the role": [
    "",
    `${thought} to=functions.book<|channel|>commentary json<|message|>${json}<|call|>`,
    [reasoning("Hm, think."), toolCall("book", json)],
  ],
  "a call in the channel, after a preamble": [
    "",
    `<|channel|>commentary<|message|>First this.<|end|><|start|>assistant<|channel|>commentary to=functions.now <|constrain|>json<|message|>{}<|call|>`,
    [content("First this."), toolCall("now", "{}")],
  ],
  "a call in the channel for thoughts": [
    "",
    `<|channel|>analysis to=functions.now<|message|>{}`,
    [toolCall("now", "{}")],
  ],
  "a call that is cut off": ["", ` to=functions.book<|channel|>commentary<|message|>{"ci`, [toolCall("book", '{"ci')]],
  "a channel whose recipient is the model": [
    "",
    "<|channel|>commentary to=assistant<|channel|>final<|message|>Yes.",
    [content("Yes.")],
  ],
  "the model's built-in tools": [
    "",
    `${thought} to=container.exec<|channel|>commentary<|message|>ls<|call|>`,
    [reasoning("Hm, think.")],
  ],
  "no channel at all": ["", "Yes, to=functions.now.", [content("Yes, to=functions.now.")]],
  "an unknown tool": ["", " to=functions.no<|message|>{}", [content(" to=functions.no<|message|>{}")]],
});
