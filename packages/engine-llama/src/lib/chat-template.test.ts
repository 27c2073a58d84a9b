import { WaggleError } from "@waggle/protocol";
import { expect, test } from "vitest";
import { createChatTemplate } from "./chat-template.ts";

const base = { source: undefined, hasChatMl: false, bosText: "<s>", eosText: "</s>" };
const hello = { messages: [{ role: "user", content: " Hello " }] } as const;

test("runs the model's own template, with its tokens and the generation prompt", () => {
  const source =
    "{{ bos_token }}{% for m in messages %}[{{ m['role'] }}]{{ m.content | trim }}{{ eos_token }}{% endfor %}" +
    "{% if add_generation_prompt %}[assistant]<think>{% endif %}";
  expect(createChatTemplate({ ...base, source }).render(hello)).toBe("<s>[user]Hello</s>[assistant]<think>");
});

test("a model without a template gets ChatML where it knows its markers, and plain text elsewhere", () => {
  expect(createChatTemplate({ ...base, hasChatMl: true }).render(hello)).toBe(
    "<|im_start|>user\n Hello <|im_end|>\n<|im_start|>assistant\n",
  );
  expect(createChatTemplate(base).render(hello)).toBe("User:  Hello \n\nAssistant:");
});

test("hands tools and what belongs to them to the template", () => {
  const source =
    "{% for t in tools %}{{ t.function.name }};{% endfor %}" +
    "{% for m in messages %}{{ m.role }}:{{ m.tool_calls[0].function.arguments.city if m.tool_calls else m.content }};{% endfor %}";
  const call = { id: "1", type: "function", function: { name: "weather", arguments: { city: "Bern" } } } as const;
  const text = createChatTemplate({ ...base, source }).render({
    messages: [
      { role: "assistant", content: "", tool_calls: [call] },
      { role: "tool", content: "sunny", tool_call_id: "1" },
    ],
    tools: [{ type: "function", function: { name: "weather" } }],
  });
  expect(text).toBe("weather;assistant:Bern;tool:sunny;");
});

test.each([
  ["does not take them: Roles must alternate", "{{ raise_exception('Roles must alternate') }}"],
  ["cannot be read", "{% for %}"],
])("a refusal says that the template %s", (reason, source) => {
  const template = createChatTemplate({ ...base, source });
  expect(() => template.render(hello)).toThrow(WaggleError);
  expect(() => template.render(hello)).toThrow(`Cannot accept field "messages": the model's chat template ${reason}`);
});
