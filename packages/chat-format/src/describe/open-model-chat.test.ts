// Tests the format and the warning for a model whose template cannot be probed to the end.
import { TemplateError, createTemplateRenderer, type TemplateRenderer } from "../template/index.ts";
import { expect, test } from "vitest";
import { openModelChat } from "./open-model-chat.ts";

const source = `{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}
{%- if add_generation_prompt %}<assistant>{% endif %}`;

/** A renderer that reports `eachMs` for each rendering, and fails as unavailable from rendering number `failsFrom` on. */
function renderer({ eachMs = 0, failsFrom = Infinity }: { eachMs?: number; failsFrom?: number }): TemplateRenderer {
  const real = createTemplateRenderer();
  let asked = 0;
  return {
    close: () => real.close(),
    async open(sources) {
      const template = await real.open(sources);
      return {
        ...template,
        spentMs: () => asked * eachMs,
        async render(values) {
          asked += 1;
          if (asked >= failsFrom) throw new TemplateError("unavailable", "too many other tasks are waiting");
          return await template.render(values);
        },
      };
    },
  };
}

async function opened(of: TemplateRenderer) {
  const warnings: string[] = [];
  const chat = await openModelChat(of, {
    templates: new Map([["default", source]]),
    chosen: undefined,
    specialTokens: [],
    bosText: "",
    eosText: "",
    warn: (message) => warnings.push(message),
  });
  await of.close();
  return { format: chat.format, warnings };
}

test("a template that is probed to the end causes no warning", async () => {
  const { format, warnings } = await opened(renderer({ eachMs: 1 }));
  expect(format.inputs).toMatchObject({ system: true, listsOnly: false });
  expect(warnings).toEqual([]);
});

test.each([
  [{ eachMs: 3_000 }, "it takes more than 10 s"],
  [{ failsFrom: 6 }, "too many other tasks are waiting"],
])("%j: the format covers text messages only, and a warning says why", async (ways, why) => {
  const { format, warnings } = await opened(renderer(ways));
  expect(format.inputs).toMatchObject({ listsOnly: false, tools: false, system: false });
  expect(warnings).toEqual([
    `Cannot find out what the chat template takes: ${why}. Tools and system messages go into the user's text.`,
  ]);
  expect(format.warning).toBe(warnings[0]);
});
