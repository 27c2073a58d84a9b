// Tests the format and the warning for a model whose template cannot be probed to the end, and the chat of a model that was trained for decisions.
import { TemplateError, createTemplateRenderer, type TemplateRenderer } from "../template/index.ts";
import { afterAll, describe, expect, test } from "vitest";
import { openModelChat, type ModelChat } from "./open-model-chat.ts";

const source = `{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}
{%- if add_generation_prompt %}<assistant>{% endif %}`;

/** A renderer that reports `eachMs` for each rendering, and fails as unavailable from rendering number `failsFrom` on. */
function renderer({ eachMs = 0, failsFrom = Infinity }: { eachMs?: number; failsFrom?: number }): TemplateRenderer {
  const real = createTemplateRenderer();
  let asked = 0;
  return {
    close: () => real.close(),
    openPlain: (plain) => real.openPlain(plain),
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

describe("a model that was trained for decisions", () => {
  const real = createTemplateRenderer();
  afterAll(() => real.close());
  const decisions = { reader: "lev", temperatures: { choice: 1.5 } } as const;
  const systemone = "{{ state }}|{{ bos_token is defined or messages is defined or tools is defined }}";

  async function chatOf(templates: Readonly<Record<string, string>>): Promise<ModelChat> {
    const texts = { specialTokens: [], bosText: "<s>", eosText: "", warn: () => {} };
    const options = { templates: new Map(Object.entries(templates)), chosen: undefined, decisions };
    return await openModelChat(real, { ...options, ...texts });
  }

  test("has a chat, and a template that gets only the variables of a decision", async () => {
    const chat = await chatOf({ default: source, systemone });
    expect(chat.format).toMatchObject({ inputs: { system: true }, decisions });
    expect(chat.source).toBe(source);
    expect(await chat.decisionTemplate?.({ state: "wet" })).toBe("wet|False");
  });

  test("has the generic chat template if its file has only systemone", async () => {
    const { source: used, format, decisionTemplate } = await chatOf({ systemone });
    expect(used).toContain("Assistant:");
    expect(format).toMatchObject({ decisions });
    expect(decisionTemplate).toBeDefined();
  });

  test("has another hash of templates if systemone differs", async () => {
    const hashes = [systemone, "{{ state }}"].map(
      async (text) => (await chatOf({ default: source, systemone: text })).templateSha256,
    );
    expect(new Set(await Promise.all(hashes)).size).toBe(2);
  });

  test("is refused if systemone cannot be parsed", async () => {
    await expect(chatOf({ default: source, systemone: "{% if %}" })).rejects.toThrow(
      "the chat template systemone cannot",
    );
  });
});
