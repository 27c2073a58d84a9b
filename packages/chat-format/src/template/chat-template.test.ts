// Tests the renderer with its real thread: the values that a template gets, and that templates do not affect each other.
import { llamaTemplates } from "../testing/template/llama-templates.ts";
import { afterAll, afterEach, expect, test } from "vitest";
import {
  createTemplateRenderer,
  type ChatTemplate,
  type TemplateRenderer,
  type TemplateRendererOptions,
} from "./chat-template.ts";
import { compileTemplate } from "./compiled-template.ts";
import { renderHere } from "./render-task.ts";
import { jsonText } from "./values/input.ts";

const date = new Date(2026, 10, 21, 14, 5);
const user = { role: "user", content: "Hello" };
const plain = { messages: [user], add_generation_prompt: true };
const tool = {
  type: "function",
  function: { name: "ping", description: "Pings.", parameters: { type: "object", properties: {} } },
};
const texts = { bosText: "<s>", eosText: "</s>" };
const open: TemplateRenderer[] = [];

/** One renderer for all harmless templates, since a thread takes a while to start. */
const shared = createTemplateRenderer({ now: () => date });

afterEach(async () => {
  await Promise.all(open.splice(0).map((renderer) => renderer.close()));
});

afterAll(async () => {
  await shared.close();
});

function create(options: TemplateRendererOptions = {}): TemplateRenderer {
  const renderer = createTemplateRenderer({ now: () => date, ...options });
  open.push(renderer);
  return renderer;
}

async function opened(source: string, namedSources: Record<string, string> = {}): Promise<ChatTemplate> {
  return await shared.open({ source, namedSources, ...texts });
}

test("a template gets the values of transformers and of the caller", async () => {
  const source =
    "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{{ tools is none }}{{ documents is none }}{{ add_generation_prompt }}{{ enable_thinking is defined }}";
  const template = await opened(source);
  expect(await template.render(plain)).toBe("<s>Hello</s>TrueTrueTrueFalse");
  expect(await template.render({ ...plain, tools: [], enable_thinking: false })).toBe("<s>Hello</s>TrueTrueTrueTrue");
  expect(await template.render({ ...plain, tools: [tool], bos_token: "" })).toBe("Hello</s>FalseTrueTrueFalse");
  expect(await template.render({ ...plain, enable_thinking: undefined })).toBe("<s>Hello</s>TrueTrueTrueFalse");
});

test("the renderer's thread renders the same text as the test's thread", async () => {
  const sources = [...llamaTemplates().values()].slice(0, 5);
  for (const source of sources) {
    const values = { ...plain, tools: null, documents: null, bos_token: "<s>", eos_token: "</s>" };
    const here = compileTemplate(source).render(values, { now: () => date });
    expect(await (await opened(source)).render(plain)).toBe(here);
  }
});

test("a rendering on the caller's thread gives the same text, and a template changes only a copy of the values", async () => {
  const renderer = create({ startThread: renderHere });
  for (const source of [...llamaTemplates().values()].slice(0, 5)) {
    const template = await renderer.open({ source, ...texts });
    expect(await template.render(plain)).toBe(await (await opened(source)).render(plain));
  }
  const changing = await renderer.open({ source: "{% set _ = messages.append(1) %}{{ messages | length }}", ...texts });
  const messages = [user];
  expect(await changing.render({ ...plain, messages })).toBe("2");
  expect(messages).toEqual([user]);
  const waiting = changing.render(plain);
  await renderer.close();
  await expect(waiting).rejects.toMatchObject({ reason: "unavailable" });
});

test("tool_use is used for conversations with tools", async () => {
  const template = await opened("usual", { tool_use: "tools{{ tools | length }}", other: "other" });
  expect(await template.render(plain)).toBe("usual");
  expect(await template.render({ ...plain, tools: [] })).toBe("usual");
  expect(await template.render({ ...plain, tools: [tool] })).toBe("tools1");
  expect(await template.render({ ...plain, messages: [user, { role: "assistant", tool_calls: [] }] })).toBe("tools0");
  expect([template.sourceFor(false), template.sourceFor(true)]).toEqual(["usual", "tools{{ tools | length }}"]);
});

test.each([
  "meta-llama-Llama-3.1-8B-Instruct",
  "meta-llama-Llama-3.2-3B-Instruct",
  "meta-llama-Llama-3.3-70B-Instruct",
])("%s gets today's date", async (name) => {
  const template = await opened(llamaTemplates().get(name) ?? "");
  expect(await template.render(plain)).toContain("Today Date: 21 Nov 2026");
  expect(await template.render({ ...plain, date_string: "1 May 2025" })).toContain("Today Date: 1 May 2025");
});

test("FireFunction gets the date, and the tools as `functions`", async () => {
  const template = await opened(llamaTemplates().get("fireworks-ai-llama-3-firefunction-v2") ?? "");
  const text = await template.render({ ...plain, tools: [tool] });
  expect(text).toContain("Today is 2026-11-21 14:05:00.");
  expect(text).toContain(JSON.stringify([tool], null, 2));
});

test("a template's error has a reason", async () => {
  const template = await opened(
    "{% if what == 'raise' %}{{ raise_exception('Roles must alternate, got ' ~ bos_token) }}{% elif what == 'fail' %}{{ none + 1 }}{% elif what == 'odd' %}{{ messages | pprint }}{% endif %}ok",
  );
  await expect(template.render({ ...plain, what: "raise" })).rejects.toMatchObject({
    reason: "refused",
    message: "Roles must alternate, got <s>",
  });
  await expect(template.render({ ...plain, what: "fail" })).rejects.toMatchObject({
    name: "TemplateError",
    reason: "failed",
  });
  await expect(template.render({ ...plain, what: "odd" })).rejects.toMatchObject({ reason: "unsupported" });
  await expect(template.render({ ...plain, what: () => 1 })).rejects.toMatchObject({ reason: "unsupported" });
  expect(await template.render(plain)).toBe("ok");
});

test("opening reports a source that cannot be parsed", async () => {
  const renderer = shared;
  await expect(renderer.open({ source: "a\n{% if %}", ...texts })).rejects.toMatchObject({
    reason: "syntax",
    message: expect.stringMatching(/^Line 2:/) as string,
  });
  await expect(renderer.open({ source: "{% include 'x' %}", ...texts })).rejects.toMatchObject({
    reason: "unsupported",
  });
  await expect(renderer.open({ source: "a", namedSources: { tool_use: "{{" }, ...texts })).rejects.toMatchObject({
    reason: "syntax",
  });
});

test("JSON text keeps its numbers when it is sent to the thread", async () => {
  const template = await opened("{{ args | tojson }}");
  expect(await template.render({ ...plain, args: jsonText('{"a":1.0,"b":12345678901234567890}') })).toBe(
    '{"a": 1.0, "b": 12345678901234567890}',
  );
});

test("a rendering that takes too many steps is stopped, and other renderings continue", async () => {
  const renderer = create();
  const slow = await renderer.open({
    source:
      "{% if messages | length > 1 %}{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}{% endif %}",
    ...texts,
  });
  const good = await renderer.open({ source: "good", ...texts });
  const ends = slow.render({ ...plain, messages: [user, user] }).catch((error: unknown) => error);
  const others = [good.render(plain, "a"), good.render(plain, "b"), slow.render(plain, "c")];
  expect(await ends).toMatchObject({ reason: "limit", message: "it takes more than 20000000 steps" });
  expect(await Promise.all(others)).toEqual(["good", "good", ""]);
  expect(slow.spentSteps()).toBeGreaterThanOrEqual(20_000_000);
  expect(good.spentSteps()).toBeLessThan(100);
});

test("a hundred callers that render at once get their texts", async () => {
  const template = await opened("{{ messages[0].content }}");
  const all = Array.from(
    { length: 100 },
    async (_, i) => await template.render({ ...plain, messages: [{ content: String(i) }] }, `client ${i % 7}`),
  );
  expect(await Promise.all(all)).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
});

test("a rendering fails at once if too many renderings wait", async () => {
  const template = await shared.open({ source: "a", ...texts });
  const asked = async (client: string, count: number): Promise<string[]> =>
    await Promise.all(
      Array.from({ length: count }, async () =>
        template.render(plain, client).catch((error: unknown) => (error as { reason: string }).reason),
      ),
    );
  // The first rendering starts at once; a client may use half of the 256 places.
  const [first, second, third] = await Promise.all([asked("x", 130), asked("y", 129), asked("z", 1)]);
  expect([first.slice(128), second.slice(127), third]).toEqual([
    ["a", "unavailable"],
    ["a", "unavailable"],
    ["unavailable"],
  ]);
});

test("close rejects waiting and later renderings", async () => {
  const renderer = create();
  const template = await renderer.open({ source: "a", ...texts });
  const waiting = [template.render(plain), template.render(plain)].map(
    async (one) => await one.catch((error: unknown) => error),
  );
  await renderer.close();
  for (const one of waiting) expect(await one).toMatchObject({ reason: "unavailable" });
  await expect(template.render(plain)).rejects.toMatchObject({ reason: "unavailable" });
});

test("a thread that ends causes an error, and another thread replaces it", async () => {
  const deaths: ((error: Error) => void)[] = [];
  const renderer = create({
    startThread(events) {
      deaths.push(events.onGone);
      return { perform: () => undefined, cpuMs: () => undefined, end: async () => await Promise.resolve() };
    },
  });
  for (const [message, reason] of [
    ["gone", "unavailable"],
    ["full", "limit"],
  ] as const) {
    const opening = renderer.open({ source: "a", ...texts });
    const code = reason === "limit" ? "ERR_WORKER_OUT_OF_MEMORY" : undefined;
    deaths.at(-1)?.(Object.assign(new Error(message), { code }));
    await expect(opening).rejects.toMatchObject({
      reason,
      message: reason === "limit" ? "it takes more than 512 MiB of memory" : message,
    });
  }
  expect(deaths).toHaveLength(2);
});

test("a template that cannot be tried is not opened, and a rendering whose thread ends counts as the longest", async () => {
  const renderer = create({
    startThread({ onReady, onResult, onGone }) {
      queueMicrotask(onReady);
      return {
        perform({ values }) {
          const parsed = { kind: "rendered", text: "", steps: 0 } as const;
          queueMicrotask(() => (values === undefined ? onResult(parsed) : onGone(new Error("gone"))));
        },
        cpuMs: () => undefined,
        end: async () => await Promise.resolve(),
      };
    },
  });
  await expect(renderer.open({ source: "{{ tools }}", ...texts })).rejects.toMatchObject({ reason: "unavailable" });
  const untried = await renderer.open({ source: "a", ...texts });
  await expect(untried.render(plain)).rejects.toMatchObject({ reason: "unavailable" });
  expect(untried.spentSteps()).toBe(20_000_000);
});
