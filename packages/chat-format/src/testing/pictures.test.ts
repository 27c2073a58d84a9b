import { afterAll, expect, test } from "vitest";
import { guardConversation } from "../describe/guard-conversation.ts";
import { markPictures, missingPicture, splitAtPictures, type PicturedConversation } from "../describe/picture-marks.ts";
import { createSpecialText } from "../describe/special-text.ts";
import { deriveFormat } from "../format/derive/derive-format.ts";
import { renderConversation } from "../format/inputs/render-conversation.ts";
import { createTemplateRenderer } from "../template/index.ts";
import { llamaTemplates } from "./template/llama-templates.ts";
import { bosText, eosText } from "./hf-variants.ts";

const renderer = createTemplateRenderer();
afterAll(() => renderer.close());

const text = (said: string) => ({ type: "text" as const, text: said });
const image = (picture: number) => ({ type: "image" as const, picture });
const call = {
  role: "assistant" as const,
  content: "",
  tool_calls: [{ id: "call_0", type: "function" as const, function: { name: "look", arguments: { at: "x" } } }],
};
const parameters = { type: "object", properties: { at: { type: "string", description: "What." } } };
const tools = [{ type: "function" as const, function: { name: "look", description: "Looks.", parameters } }];

const conversations: Readonly<Record<string, PicturedConversation>> = {
  "a picture before its question": { messages: [{ role: "user", content: [image(0), text("What is it?")] }] },
  "only a picture": { messages: [{ role: "user", content: [image(0)] }] },
  "the same picture twice, and another": {
    messages: [
      { role: "user", content: [text("Look:"), image(0), text("and"), image(1), text("Same?")] },
      { role: "assistant", content: "No." },
      { role: "user", content: [image(0), text("And this?")] },
    ],
  },
  "a picture in the system message": {
    messages: [
      { role: "system", content: [text("Know this:"), image(0)] },
      { role: "user", content: [text("Hi"), image(1)] },
    ],
  },
  "a picture in a tool result": {
    tools,
    messages: [
      { role: "user", content: "Look" },
      call,
      { role: "tool", tool_call_id: "call_0", content: [text("Seen:"), image(0)] },
    ],
  },
  "a tool result that is only a picture, and a user's picture": {
    tools,
    messages: [
      { role: "user", content: [image(0)] },
      call,
      { role: "tool", tool_call_id: "call_0", content: [image(1)] },
      { role: "user", content: [text("Compare"), image(2)] },
    ],
  },
};

const special = createSpecialText([]);

test("a picture that a template does not show is found", () => {
  const [conversation] = Object.values(conversations);
  expect(conversation && missingPicture(conversation, "What is it?")).toBe(0);
});

test("llama.cpp's templates show each picture once, in order", async () => {
  const wrong: string[] = [];
  for (const [template, source] of llamaTemplates()) {
    const chat = await renderer.open({ source, bosText, eosText });
    const render = async (values: Readonly<Record<string, unknown>>): Promise<string> =>
      await chat.render({
        ...values,
        messages: values["messages"] as [],
        add_generation_prompt: values["add_generation_prompt"] === true,
      });
    const { inputs } = await deriveFormat({ source, render, spentSteps: chat.spentSteps });
    for (const [name, conversation] of Object.entries(conversations)) {
      const wanted = conversation.messages.flatMap(({ content }) =>
        typeof content === "string" ? [] : content.flatMap((part) => (part.type === "image" ? [part.picture] : [])),
      );
      const marked = await guardConversation(markPictures(conversation), special);
      const rendered = await renderConversation(inputs, marked, render);
      const shown = splitAtPictures(rendered).filter((part) => typeof part === "number");
      if (shown.join() !== wanted.join()) wrong.push(`${template}: ${name}: ${shown.join()}`);
      expect(missingPicture(conversation, rendered)).toBeUndefined();
    }
  }
  expect(wrong).toEqual([]);
});
