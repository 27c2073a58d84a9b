// Shows that ten tasks that people do with the pages can be done with the keyboard alone.
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { madeUpPng } from "@waggle/testing";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { spawnFakeWorker } from "../support/daemon.ts";
import { visit } from "./support/browser.ts";
import { button, chatPage, say } from "./support/chat-page.ts";
import { keyboard, type Keyboard } from "./support/keyboard.ts";
import { makeDay } from "./support/made-day.ts";
import { conversationFile } from "./support/made-conversations.ts";
import { openModelWorker, severalModels, statusesOf, type ModelWorker } from "./support/model-worker.ts";
import { useBrowser } from "./support/use-browser.ts";

const browser = useBrowser();
const toolServer = fileURLToPath(new URL("../../packages/mcp/src/testing/hostile-server.js", import.meta.url));

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
});

interface Task {
  readonly name: string;
  /** Address at which the task begins. */
  readonly at: () => string;
  /** What was there before. */
  readonly before?: (page: Page) => Promise<void>;
  readonly perform: (keys: Keyboard, page: Page) => Promise<void>;
}

const box = (page: Page) => chatPage(page).box;
const call = `<tool_call>${JSON.stringify({ name: "odd__echo", arguments: { text: "bees" } })}</tool_call>`;
const png = {
  name: "bee.png",
  mimeType: "image/png",
  buffer: Buffer.from(madeUpPng(0xff0000, { width: 60, height: 40 })),
};

async function ask(keys: Keyboard, page: Page, text: string): Promise<void> {
  await keys.type(box(page), text);
  await page.keyboard.press("Enter");
  await chatPage(page).phase("done");
}

const tasks: readonly Task[] = [
  {
    name: "first answer",
    at: () => workerUrl,
    perform: async (keys, page) => await ask(keys, page, "hello [eog:4]"),
  },
  {
    name: "a second model",
    at: () => models.url,
    async perform(keys, page) {
      await keys.press(page.getByRole("button", { name: /^Models: / }));
      await keys.press(button(page, "Use bee-large"));
      await page.getByRole("button", { name: /^Models: bee-large/ }).waitFor();
      await ask(keys, page, "hello [eog:4]");
      expect(models.jobs.at(-1)?.["model"]).toBe("bee-large");
    },
  },
  {
    name: "a tool, with consent",
    at: () => toolsUrl,
    async perform(keys, page) {
      await keys.press(button(page, "Tools"));
      await keys.press(page.getByRole("switch", { name: "odd", exact: true }));
      await keys.press(button(page, "Close"));
      await keys.type(box(page), `[say:${encodeURIComponent(call)}]`);
      await page.keyboard.press("Enter");
      await keys.press(button(page, "Allow once"));
      await page.getByText("echo: bees").waitFor();
      await chatPage(page).stop();
    },
  },
  {
    name: "a picture",
    at: () => workerUrl,
    async perform(keys, page) {
      const choosing = page.waitForEvent("filechooser");
      await keys.press(button(page, "Add pictures"));
      await (await choosing).setFiles(png);
      await page.getByText("60 × 40 pixels").waitFor();
      await ask(keys, page, "What is it? [eog:4]");
    },
  },
  {
    name: "stop and edit",
    at: () => workerUrl,
    async perform(keys, page) {
      await keys.type(box(page), "a long story [eog:4000]");
      await page.keyboard.press("Enter");
      await chatPage(page).phase("streaming");
      await keys.press(button(page, "Stop"));
      await chatPage(page).phase("stopped");
      await keys.press(button(page, "Edit and send again"));
      await keys.type(page.getByRole("textbox", { name: "Edit the message" }), "a short story [eog:4]");
      await keys.press(button(page, "Send again"));
      await chatPage(page).phase("done");
    },
  },
  {
    name: "find last week's conversation",
    at: () => workerUrl,
    before: importConversations,
    async perform(keys, page) {
      await page.keyboard.press("Control+k");
      await keys.type(page.getByRole("searchbox", { name: "Search all conversations" }), "minutes");
      const hit = page.getByRole("button", { name: /Summarise the minutes/ }).first();
      await hit.waitFor();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      await page.locator(".bubble").getByText("Summarise the minutes of Monday's meeting").first().waitFor();
    },
  },
  {
    name: "compare two models",
    at: () => models.url,
    before: async (page) => void (await say(chatPage(page), "hello [eog:4]")),
    async perform(keys, page) {
      await keys.press(button(page, "Compare"));
      await keys.choose(page.getByRole("combobox", { name: /^Model/ }), "bee-large");
      await keys.press(button(page, "Ask for another answer"));
      await button(page, "Keep this one").nth(1).waitFor();
      expect(models.jobs.at(-1)?.["model"]).toBe("bee-large");
      await keys.press(button(page, "Keep this one").last());
      await page.getByText("2 of 2").waitFor();
    },
  },
  {
    name: "export the conversations",
    at: () => workerUrl,
    before: importConversations,
    async perform(keys, page) {
      const saving = page.waitForEvent("download");
      await keys.press(button(page, "Export"));
      await keys.press(page.getByRole("button", { name: "All as JSON, to import" }));
      const saved = await readFile(await (await saving).path(), "utf8");
      expect(JSON.parse(saved)).toMatchObject({ conversations: { length: 20 } });
    },
  },
  {
    name: "why it was slow three hours ago",
    at: () => `${dayUrl}/status`,
    async perform(keys, page) {
      await keys.choose(page.getByLabel("Time shown"), slowHour);
      await page.getByText("The engine of waggle-fake is restarted: a step took 31 s. 3 answers continue.").waitFor();
      await keys.press(page.getByRole("button", { name: /^Show \d+ more$/ }).first());
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
    async perform(keys, page) {
      await keys.press(button(page, "Load waggle-fake again"));
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

it.each(tasks)("$name", async ({ at, before, perform }) => {
  const { page, complaints } = await visit(browser, at());
  await before?.(page);
  await perform(keyboard(page), page);
  // The health of a failed model is a 503.
  expect(complaints.filter((complaint) => !complaint.includes("503"))).toEqual([]);
});
