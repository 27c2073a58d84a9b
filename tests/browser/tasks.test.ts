// Shows ten tasks that people do with the pages, each with a mouse and with the keyboard alone. Prints a table of clicks, keys, texts and seconds.
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
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
import { makeDay } from "./support/made-day.ts";
import { conversationFile } from "./support/made-conversations.ts";
import { openModelWorker, severalModels, statusesOf, type ModelWorker } from "./support/model-worker.ts";
import { useBrowser } from "./support/use-browser.ts";

const browser = useBrowser();
const toolServer = fileURLToPath(new URL("../../packages/mcp/src/testing/hostile-server.js", import.meta.url));
const table: string[] = [];

let folder: string;
let workerUrl: string;
let toolsUrl: string;
let dayUrl: string;
let slowHour: string;
let crashingUrl: string;
let models: ModelWorker;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "waggle-tasks-"));
  const servers = { odd: { command: process.execPath, args: [toolServer], env: { LEDGER: join(folder, "ledger") } } };
  await writeFile(join(folder, "mcp.json"), JSON.stringify({ mcpServers: servers }));
  workerUrl = (await spawnFakeWorker(["--mmproj", "eye", "--fake-step-delay", "5ms"])).url;
  const mcp = ["--mcp-config", join(folder, "mcp.json"), "--mcp-journal-dir", join(folder, "journal")];
  toolsUrl = (await spawnFakeWorker(["--mmproj", "eye", ...mcp])).url;
  slowHour = makeDay(join(folder, "waggle"), "made-day");
  const day = ["--worker-id", "made-day", "--history-size", "64MiB"];
  dayUrl = (await spawnFakeWorker(day, { env: { XDG_STATE_HOME: folder } })).url;
  crashingUrl = (await spawnFakeWorker(["--fake-crash-at-step", "1", "--crash-loop-deaths", "2"])).url;
  const { small, large } = severalModels();
  models = await openModelWorker(
    workerUrl,
    statusesOf([small, { ...large, state: "ready", slots: { total: 8, busy: 0 } }]),
  );
});
afterAll(async () => {
  await models[Symbol.asyncDispose]();
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
const png = {
  name: "bee.png",
  mimeType: "image/png",
  buffer: Buffer.from(madeUpPng(0xff0000, { width: 60, height: 40 })),
};

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
    clicks: 5,
    async perform(hand, page) {
      await hand.press(button(page, "Tools"));
      await hand.press(page.getByRole("switch", { name: "odd", exact: true }));
      await hand.press(button(page, "Close"));
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
    clicks: 0,
    async perform(hand, page) {
      await hand.key("Control+k");
      await hand.type(page.getByRole("searchbox", { name: "Search all conversations" }), "minutes");
      const hit = page.getByRole("button", { name: /Summarise the minutes/ }).first();
      await hit.waitFor();
      await hand.key("ArrowDown");
      await hand.key("Enter");
      await page.locator(".bubble").getByText("Summarise the minutes of Monday's meeting").first().waitFor();
    },
  },
  {
    name: "compare two models",
    at: () => models.url,
    before: async (page) => await ask(mouse(page), page, "hello [eog:4]"),
    clicks: 5,
    async perform(hand, page) {
      await hand.press(button(page, "Compare"));
      await hand.choose(page.getByRole("combobox", { name: /^Model/ }), "bee-large");
      await hand.press(button(page, "Ask for another answer"));
      await button(page, "Keep this one").nth(1).waitFor();
      expect(models.jobs.at(-1)?.["model"]).toBe("bee-large");
      await hand.press(button(page, "Keep this one").last());
      await page.getByText("2 of 2").waitFor();
    },
  },
  {
    name: "export the conversations",
    at: () => workerUrl,
    before: importConversations,
    clicks: 2,
    async perform(hand, page) {
      const saving = page.waitForEvent("download");
      await hand.press(button(page, "Export"));
      await hand.press(page.getByRole("button", { name: "All as JSON, to import" }));
      const saved = await readFile(await (await saving).path(), "utf8");
      expect(JSON.parse(saved)).toMatchObject({ conversations: { length: 20 } });
    },
  },
  {
    name: "why it was slow three hours ago",
    at: () => `${dayUrl}/status`,
    clicks: 3,
    async perform(hand, page) {
      await hand.choose(page.getByLabel("Time shown"), slowHour);
      await page.getByText("The engine of waggle-fake is restarted: a step took 31 s. 3 answers continue.").waitFor();
      await hand.press(page.getByRole("button", { name: /^Show \d+ more$/ }).first());
      await page
        .locator("[data-ended]")
        .getByText(/^1[34](\.\d)? s$/)
        .first()
        .waitFor();
    },
  },
  {
    name: "mend a failed model",
    at: () => `${crashingUrl}/status`,
    async before(page) {
      const body = JSON.stringify({ prompt: "crash", max_tokens: 4 });
      const response = await fetch(`${crashingUrl}/v1/inference`, { method: "POST", body });
      // The stream ends with an error.
      await response.text().catch(() => {});
      await page.locator("[data-problem=waggle-fake]").waitFor();
    },
    clicks: 1,
    async perform(hand, page) {
      await hand.press(button(page, "Load waggle-fake again"));
      await page.locator("[data-problem=waggle-fake]").waitFor({ state: "detached" });
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
    // The health of a failed model is a 503.
    expect(complaints.filter((complaint) => !complaint.includes("503"))).toEqual([]);
    await context.close();
  }
  table.push(`${name} | ${cells.join(" | ")}`);
});

it("opens a conversation of 400 turns, and shows its end", async () => {
  const { page } = await visit(browser, workerUrl);
  await page.getByLabel("File to import").setInputFiles(conversationFile(2, 400));
  await page.getByText("Imported 2 conversations.").waitFor();
  await page.reload();
  const entry = page.locator(".conversation-list").getByText("Why does my sourdough not rise?");
  await entry.waitFor();
  const begun = performance.now();
  await entry.click();
  await page.locator("[data-turn='a-1-399']").getByText("patience").waitFor();
  table.push(`400 turns open: ${((performance.now() - begun) / 1_000).toFixed(1)} s`);
  expect(await page.locator(".turn").count()).toBe(800);
});
