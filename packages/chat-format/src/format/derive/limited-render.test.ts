import { expect, test } from "vitest";
import type { ChatFormat } from "../format.ts";
import { templateValues } from "../inputs/template-values.ts";
import type { Render } from "./conversations.ts";
import { deriveFormat } from "./derive-format.ts";
import { TemplateUnansweredError, limitRender, maxDeriveMs } from "./limited-render.ts";

test("a template is rendered until the time limit, and not afterwards", async () => {
  let spentMs = 5;
  let asked = 0;
  const limited = limitRender(
    async () => {
      asked += 1;
      spentMs += maxDeriveMs;
      return "text";
    },
    () => spentMs,
  );
  expect(await limited.render({})).toBe("text");
  expect(await limited.render({})).toBe("text");
  expect(limited.stopped).toBeUndefined();
  await expect(limited.render({})).rejects.toThrow("it takes more than 10 s");
  await expect(limited.render({})).rejects.toThrow("it takes more than 10 s");
  expect([limited.stopped, asked]).toEqual(["it takes more than 10 s", 2]);
});

test("a refusal by the template is a result, and an unavailable renderer ends the probing", async () => {
  let error = new Error("Roles must alternate");
  let asked = 0;
  const limited = limitRender(
    async () => {
      asked += 1;
      return await Promise.reject(error);
    },
    () => 0,
  );
  await expect(limited.render({})).rejects.toThrow("Roles must alternate");
  expect(limited.stopped).toBeUndefined();
  error = new TemplateUnansweredError("its thread did not start");
  await expect(limited.render({})).rejects.toThrow(error);
  await expect(limited.render({})).rejects.toThrow("its thread did not start");
  expect([limited.stopped, asked]).toEqual(["its thread did not start", 2]);
});

const source = "functools[{{ mood }}";

/** Derives a format from a template that prints its messages. After `answers` renderings, time runs out or the renderer is unavailable. */
async function derived(answers: number, end: "slow" | "unavailable"): Promise<{ format: ChatFormat; asked: number }> {
  let asked = 0;
  const render: Render = async ({ messages }) => {
    asked += 1;
    if (end === "unavailable" && asked > answers) throw new TemplateUnansweredError("its thread did not start");
    return JSON.stringify(messages);
  };
  const spentMs = (): number => (end === "slow" ? (asked * maxDeriveMs) / (answers - 0.5) : 0);
  return { format: await deriveFormat({ source, render, spentMs }), asked };
}

test.each([
  [1, "slow"],
  [5, "slow"],
  [30, "slow"],
  [0, "unavailable"],
  [7, "unavailable"],
] as const)(
  "a template that renders %i times and is then %s gets inputs that suit every template",
  async (answers, end) => {
    const { format, asked } = await derived(answers, end);
    expect(asked).toBe(end === "slow" ? answers : answers + 1);
    expect(format).toMatchObject({
      name: "generic",
      turnOpens: [],
      inputs: { tools: false, calls: false, system: false, lists: [], listsOnly: false, variables: ["mood"] },
      warning: expect.stringMatching(/^Cannot find out what the chat template takes: its? /) as string,
    });
    const messages = [
      { role: "system", content: "Be short." },
      { role: "user", content: "Hello" },
    ] as const;
    expect(templateValues(format.inputs, { messages })["messages"]).toEqual([
      { role: "user", content: "Be short.\n\nHello" },
    ]);
  },
);

test("a template that is probed to the end has no warning", async () => {
  expect((await derived(1000, "slow")).format.warning).toBeUndefined();
});
