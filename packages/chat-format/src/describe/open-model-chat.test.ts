// Tests the format and the warning for a model whose template cannot be probed to the end.
import { TemplateError, createTemplateRenderer, type TemplateRenderer } from "../template/index.ts";
import { expect, test } from "vitest";
import { openModelChat } from "./open-model-chat.ts";

const source = `{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}
{%- if add_generation_prompt %}<assistant>{% endif %}`;

/** A renderer that reports `each` steps for each rendering, and fails as unavailable from rendering number `failsFrom` on. */
function renderer({ each = 0, failsFrom = Infinity }: { each?: number; failsFrom?: number }): TemplateRenderer {
  const real = createTemplateRenderer();
  let asked = 0;
  return {
    close: () => real.close(),
    async open(sources) {
      const template = await real.open(sources);
      return {
        ...template,
        spentSteps: () => asked * each,
        async render(values) {
          asked += 1;
          if (asked >= failsFrom) throw new TemplateError("unavailable", "too many other tasks are waiting");
          return await template.render(values);
        },
      };
    },
  };
}

async function opened(of: TemplateRenderer, named: Readonly<Record<string, string>> = {}) {
  const warnings: string[] = [];
  const chat = await openModelChat(of, {
    templates: new Map(Object.entries({ default: source, ...named })),
    chosen: undefined,
    specialTokens: [],
    bosText: "",
    eosText: "",
    warn: (message) => warnings.push(message),
  });
  await of.close();
  return { format: chat.format, hash: chat.templateSha256, warnings };
}

test("the hash covers the template for conversations with tools", async () => {
  const hashes = [{}, { tool_use: `${source}.` }].map(async (named) => (await opened(renderer({}), named)).hash);
  expect(new Set(await Promise.all(hashes)).size).toBe(2);
});

test("a template that is probed to the end causes no warning", async () => {
  const { format, warnings } = await opened(renderer({ each: 1 }));
  expect(format.inputs).toMatchObject({ system: true, listsOnly: false });
  expect(warnings).toEqual([]);
});

test("the format of a template that takes too many steps covers text messages only, and a warning says why", async () => {
  const { format, warnings } = await opened(renderer({ each: 3_000_000 }));
  expect(format.inputs).toMatchObject({ listsOnly: false, tools: false, system: false });
  expect(warnings).toEqual([
    "Cannot find out what the chat template takes: it takes more than 10000000 steps. Tools and system messages go into the user's text.",
  ]);
  expect(format.warning).toBe(warnings[0]);
});

test.each([1, 6])("a renderer that is unavailable from rendering %i on replaces no template", async (failsFrom) => {
  await expect(opened(renderer({ failsFrom }))).rejects.toThrow("too many other tasks are waiting");
});
