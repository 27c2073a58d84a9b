// Shows ten tasks that people do with the pages, each with a mouse and with the keyboard alone. Prints a table of clicks, keys, texts and seconds.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { madeUpPng } from "@waggle/testing";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { spawnFakeWorker } from "../support/daemon.ts";
import { visit } from "./support/browser.ts";
import { button, chatPage } from "./support/chat-page.ts";
import { keyboard, mouse, type Hand } from "./support/hands.ts";
import { conversationFile } from "./support/made-conversations.ts";
import { openModelWorker, severalModels, statusesOf, type ModelWorker } from "./support/model-worker.ts";
import { useBrowser } from "./support/use-browser.ts";

const browser = useBrowser();
const toolServer = fileURLToPath(new URL("../../packages/mcp/src/testing/hostile-server.js", import.meta.url));
const table: string[] = [];

let folder: string;
let workerUrl: string;
let toolsUrl: string;
let models: ModelWorker;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "waggle-tasks-"));
  const servers = { odd: { command: process.execPath, args: [toolServer], env: { LEDGER: join(folder, "ledger") } } };
  await writeFile(join(folder, "mcp.json"), JSON.stringify({ mcpServers: servers }));
  workerUrl = (await spawnFakeWorker(["--mmproj", "eye", "--fake-step-delay", "5ms"])).url;
  const mcp = ["--mcp-config", join(folder, "mcp.json"), "--mcp-journal-dir", join(folder, "journal")];
  toolsUrl = (await spawnFakeWorker(["--mmproj", "eye", ...mcp])).url;
  const { small, large } = severalModels();
  models = await openModelWorker(workerUrl, statusesOf([small, { ...large, state: "ready", slots: { total: 8, busy: 0 } }]));
});
afterAll(async () => {
  await models[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
  console.log(["", "task | by mouse | by keyboard alone", ...table].join("\n"));
});

interface Task {
  readonly name: string;
  /** Address at which the task begins. */
  readonly at: () => string;
  /** What was there before. */
  readonly before?: (page: Page) => Promise<void>;
  /** Most clicks. */
  readonly clicks: number;
  readonly perform: (hand: Hand, page: Page) => Promise<void>;
}

const box = (page: Page) => chatPage(page).box;
const call = `<tool_call>${JSON.stringify({ name: "odd__echo", arguments: { text: "bees" } })}</tool_call>`;
const png = { name: "bee.png", mimeType: "image/png", buffer: Buffer.from(madeUpPng(0xff0000, { width: 60, height: 40 })) };

async function ask(hand: Hand, page: Page, text: string): Promise<void> {
  await hand.type(box(page), text);
  await hand.key("Enter");
  await chatPage(page).phase("done");
}

const tasks: readonly Task[] = [
  {
    name: "first answer",
    at: () => workerUrl,
    clicks: 0,
    perform: async (hand, page) => await ask(hand, page, "hello [eog:4]"),
  },
  {
    name: "a second model",
    at: () => models.url,
    clicks: 2,
    async perform(hand, page) {
      await hand.press(page.getByRole("button", { name: /^Models: / }));
      await hand.press(button(page, "Use bee-large"));
      await page.getByRole("button", { name: /^Models: bee-large/ }).waitFor();
      await ask(hand, page, "hello [eog:4]");
      expect(models.jobs.at(-1)?.["model"]).toBe("bee-large");
    },
  },
  {
    name: "a tool, with consent",
    at: () => toolsUrl,
    clicks: 4,
    async perform(hand, page) {
      await hand.press(page.getByRole("button", { name: "Settings" }));
      await hand.press(page.getByRole("checkbox", { name: "The model may call these tools" }));
      await hand.press(button(page, "Save"));
      await hand.type(box(page), `[say:${encodeURIComponent(call)}]`);
      await hand.key("Enter");
      await hand.press(button(page, "Allow once"));
      await page.getByText("echo: bees").waitFor();
      await chatPage(page).stop();
    },
  },
  {
    name: "a picture",
    at: () => workerUrl,
    clicks: 2,
    async perform(hand, page) {
      const choosing = page.waitForEvent("filechooser");
      await hand.press(button(page, "Add pictures"));
      await (await choosing).setFiles(png);
      await page.getByText("60 × 40 pixels").waitFor();
      await ask(hand, page, "What is it? [eog:4]");
    },
  },
  {
    name: "stop and edit",
    at: () => workerUrl,
    clicks: 3,
    async perform(hand, page) {
      await hand.type(box(page), "a long story [eog:4000]");
      await hand.key("Enter");
      await chatPage(page).phase("streaming");
      await hand.press(button(page, "Stop"));
      await chatPage(page).phase("stopped");
      await hand.press(button(page, "Edit and send again"), page.locator(".message").last());
      await hand.type(page.getByRole("textbox", { name: "Edit the message" }), "a short story [eog:4]");
      await hand.press(button(page, "Send again"));
      await chatPage(page).phase("done");
    },
  },
  {
    name: "find last week's conversation",
    at: () => workerUrl,
    before: importConversations,
    clicks: 2,
    async perform(hand, page) {
      await hand.type(page.getByRole("searchbox", { name: "Search all conversations" }), "minutes");
      await hand.press(page.getByRole("button", { name: /Summarise the minutes/ }).first());
      await page.locator(".bubble").getByText("Summarise the minutes of Monday's meeting").first().waitFor();
    },
  },
  {
    name: "export the conversations",
    at: () => workerUrl,
    before: importConversations,
    clicks: 1,
    async perform(hand, page) {
      const saving = page.waitForEvent("download");
      await hand.press(button(page, "Export all"));
      const saved = await readFile(await (await saving).path(), "utf8");
      expect(JSON.parse(saved)).toMatchObject({ conversations: { length: 20 } });
    },
  },
];

async function importConversations(page: Page): Promise<void> {
  await page.getByLabel("File to import").setInputFiles(conversationFile(20));
  await page.getByText("Imported 20 conversations.").waitFor();
  await page.reload();
  await page.locator(".conversation-list").getByText("Names for a small bakery").first().waitFor();
}

it.each(tasks)("$name", async ({ name, at, before, clicks, perform }) => {
  const cells: string[] = [];
  for (const handOf of [mouse, keyboard]) {
    const { page, context, complaints } = await visit(browser, at());
    await before?.(page);
    const hand = handOf(page);
    const begun = performance.now();
    await perform(hand, page);
    const { presses, texts } = hand.used;
    const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
    cells.push(`${presses} ${hand.name === "mouse" ? "clicks" : "keys"}, ${texts} texts, ${seconds} s`);
    if (hand.name === "mouse") expect(presses).toBeLessThanOrEqual(clicks);
    expect(complaints).toEqual([]);
    await context.close();
  }
  table.push(`${name} | ${cells.join(" | ")}`);
});
