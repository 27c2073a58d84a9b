// Shows thoughts and tool calls in the chat, with a real worker and a scripted model.
import { llamaTemplates } from "@waggle/chat-format/testing/llama-templates";
import { GenerateRequestSchema } from "@waggle/protocol";
import type { GenerateRequestInput } from "@waggle/protocol";
import type { Page } from "playwright-core";
import { beforeAll, expect, it } from "vitest";
import { spawnScriptedWorker } from "../../support/scripted-worker.ts";
import type { ScriptedWorker } from "../../support/scripted-worker.ts";
import { visit } from "../support/browser.ts";
import type { Watched } from "../support/browser.ts";
import { chatPage } from "../support/chat-page.ts";
import { problemsInLooks } from "../support/page-problems.ts";
import { useBrowser } from "../support/use-browser.ts";

const browser = useBrowser();
let worker: ScriptedWorker;
beforeAll(async () => {
  worker = await spawnScriptedWorker({ template: llamaTemplates().get("Qwen-Qwen3-0.6B") ?? "" });
});

const tools = [
  {
    type: "function",
    function: {
      name: "get_weather",
      description: "The weather in a city.",
      parameters: {
        type: "object",
        properties: { city: { type: "string" }, days: { type: "integer" } },
        required: ["city", "days"],
        additionalProperties: false,
      },
    },
  },
];
const call = '<tool_call>\n{"name": "get_weather", "arguments": {"city":"Bern","days":3}}\n</tool_call>';
const thinking = "<think>\nI should look at the sky.\n</think>\n\n";

interface Talk extends Watched {
  /** The page's requests, in order. */
  readonly asked: readonly GenerateRequestInput[];
}

/** Answers the nth request with the nth script. */
async function talk(says: readonly string[]): Promise<Talk> {
  const visited = await visit(browser, worker.url);
  const asked: GenerateRequestInput[] = [];
  await visited.page.route("**/v1/jobs", async (route) => {
    const body = GenerateRequestSchema.parse(route.request().postDataJSON());
    await worker.prepare({ body: { messages: body.messages, tools: body.tools }, say: says[asked.length] ?? "" });
    asked.push(body);
    await route.continue();
  });
  return { ...visited, asked };
}

async function offerTools(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByText("Tools", { exact: true }).first().click();
  await page.getByRole("textbox", { name: "Tools" }).fill(JSON.stringify(tools));
  await page.getByRole("button", { name: "Save", exact: true }).click();
}

it("shows a call as a card, sends the entered result, and continues the answer", async () => {
  const { page, asked, complaints } = await talk([thinking + call, `${thinking}It will rain.`, "Snow, then."]);
  const chat = chatPage(page);
  await offerTools(page);
  await chat.send("What will the weather be?");
  const card = page.locator("[data-call=get_weather]");
  await page.getByRole("textbox", { name: "Result of get_weather" }).waitFor();
  expect(await card.locator("pre").innerText()).toBe('{\n  "city": "Bern",\n  "days": 3\n}');
  await page.getByRole("textbox", { name: "Result of get_weather" }).fill("Rain, 11 degrees.");
  expect(await problemsInLooks(page)).toEqual([]);
  await page.reload();
  await page.getByRole("textbox", { name: "Result of get_weather" }).waitFor();
  expect(await page.getByRole("textbox", { name: "Result of get_weather" }).inputValue()).toBe("Rain, 11 degrees.");
  await page.getByRole("button", { name: "Send result" }).click();
  await page.getByText("It will rain.").waitFor();
  await chat.phase("done");
  expect(asked[1]).toMatchObject({
    tools,
    messages: [
      { role: "user", content: "What will the weather be?" },
      { role: "assistant", content: null, tool_calls: [{ function: { name: "get_weather" } }] },
      { role: "tool", content: "Rain, 11 degrees." },
    ],
  });

  await page.reload();
  await page.locator("[data-result=get_weather]").getByText("Rain, 11 degrees.").waitFor();
  expect(await card.count()).toBe(1);
  expect(await page.getByRole("textbox", { name: "Result of get_weather" }).count()).toBe(0);
  await page.getByRole("button", { name: "Edit the result and send again" }).click();
  await page.getByRole("textbox", { name: "Result of get_weather" }).fill("Snow.");
  await page.getByRole("button", { name: "Send other result" }).click();
  await page.getByText("Snow, then.").waitFor();
  await page.getByText("2 of 2").first().waitFor();
  expect(asked[2]?.messages?.at(-1)).toMatchObject({ role: "tool", content: "Snow." });
  expect(complaints).toEqual([]);
});

it("keeps thoughts closed, opens them by a click, and keeps the scroll position", async () => {
  const { page } = await talk([`<think>\n${"Look, think, look again.\n\n".repeat(20)}</think>\n\nIt rains.`]);
  await chatPage(page).send("The weather?");
  await chatPage(page).phase("done");
  const summary = page.getByText(/^Thought for /);
  await summary.waitFor();
  expect(await page.getByText("Look, think").count()).toBe(0);
  const top = async (): Promise<number> => await summary.evaluate((element) => element.getBoundingClientRect().top);
  const before = await top();
  await summary.click();
  await page.getByText("Look, think").first().waitFor();
  expect(await top()).toBe(before);
  await summary.click();
  await page.getByText("Look, think").first().waitFor({ state: "detached" });
  expect(await top()).toBe(before);
});
