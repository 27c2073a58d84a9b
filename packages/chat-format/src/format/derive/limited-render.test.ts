import { expect, test, vi } from "vitest";
import type { ChatFormat } from "../format.ts";
import { templateValues } from "../inputs/template-values.ts";
import type { Render } from "./conversations.ts";
import { deriveFormat } from "./derive-format.ts";
import { TemplateUnansweredError, limitRender, maxDeriveSteps } from "./limited-render.ts";

test("a refusal by the template is a result, and an unavailable renderer ends the probing", async () => {
  let error = new Error("Roles must alternate");
  let asked = 0;
  const limited = limitRender(async () => {
    asked += 1;
    return await Promise.reject(error);
  });
  await expect(limited.render({})).rejects.toThrow("Roles must alternate");
  expect(limited.stopped).toBeUndefined();
  error = new TemplateUnansweredError("its thread did not start");
  await expect(limited.render({})).rejects.toThrow(error);
  await expect(limited.render({})).rejects.toThrow("its thread did not start");
  expect([limited.stopped, asked]).toEqual([error, 2]);
});

const source = "functools[{{ mood }}";

/** Derives a format from a template that prints its messages, and takes too many steps for more than `answers` renderings. */
async function derived(answers: number): Promise<{ format: ChatFormat; asked: number }> {
  let asked = 0;
  const render: Render = async ({ messages }) => {
    asked += 1;
    return await Promise.resolve(JSON.stringify(messages));
  };
  const spentSteps = (): number => (asked * maxDeriveSteps) / (answers - 0.5);
  return { format: await deriveFormat({ source, render, spentSteps }), asked };
}

test.each([1, 5, 30])(
  "a template that takes too many steps after %i renderings gets inputs that suit every template",
  async (answers) => {
    const { format, asked } = await derived(answers);
    expect(asked).toBe(answers);
    expect(format).toMatchObject({
      name: "generic",
      turnOpens: [],
      inputs: { tools: false, calls: false, system: false, lists: [], listsOnly: false, variables: ["mood"] },
      warning: expect.stringMatching(
        /^Cannot find out what the chat template takes: it takes more than \d+ steps/,
      ) as string,
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

test.each([0, 7, 30])(
  "a renderer that is unavailable after %i renderings costs no format: the derivation fails",
  async (answers) => {
    let asked = 0;
    const render: Render = async ({ messages }) => {
      asked += 1;
      if (asked > answers) throw new TemplateUnansweredError("its thread did not start");
      return await Promise.resolve(JSON.stringify(messages));
    };
    await expect(deriveFormat({ source, render })).rejects.toThrow("its thread did not start");
    expect(asked).toBe(answers + 1);
  },
);

test("a template that is probed to the end has no warning, however long a busy machine takes for it", async () => {
  const now = vi.spyOn(performance, "now");
  now.mockImplementation(() => now.mock.calls.length * 60_000);
  const { warning } = await deriveFormat({
    source,
    render: ({ messages }) => Promise.resolve(JSON.stringify(messages)),
  });
  now.mockRestore();
  expect(warning).toBeUndefined();
});
