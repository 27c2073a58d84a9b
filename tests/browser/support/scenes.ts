// Owns the scenes of the pages: each opens a page or a dialog in a state worth looking at. scenes.test.ts checks all of them, and pictures.ts photographs
// them. To check another state of a page, add it here.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { spawnDaemon, spawnFakeWorker } from "../../support/daemon.ts";
import { chatPage } from "./chat-page.ts";
import { conversationFile } from "./made-conversations.ts";
import { makeDay } from "./made-day.ts";
import { says } from "./says.ts";

export const widths = {
  wide: { width: 1_200, height: 800 },
  tablet: { width: 768, height: 1_024 },
  phone: { width: 360, height: 800 },
} as const;
export type Width = keyof typeof widths;

export interface Scene {
  /** Widths at which the scene exists; all by default. */
  readonly at?: readonly Width[];
  readonly open: (page: Page, servers: Servers) => Promise<void>;
  /** The browser's messages about requests that fail in the scene. */
  readonly complains?: RegExp;
}

/** Addresses of running daemons. */
export interface Servers {
  readonly workerUrl: string;
  /** A worker that wants a token. */
  readonly lockedUrl: string;
  readonly hiveUrl: string;
  /** A worker with an MCP server, and with a day of history on disk. */
  readonly oldUrl: string;
  /** Value of its slow hour in the list of times. */
  readonly slowHour: string;
}

/** @param folder an empty folder for what the daemons keep */
export async function startServers(folder: string): Promise<Servers> {
  const hiveUrl = (await spawnDaemon("hive", ["--port", "0"])).url;
  const workerUrl = (await spawnFakeWorker(["--hive-url", hiveUrl, "--worker-id", "bee-1"])).url;
  const env = { WAGGLE_API_TOKEN: "a-token-of-some-length" };
  const lockedUrl = (await spawnDaemon("worker", ["--port", "0", "--backend", "fake"], { env })).url;
  const slowHour = makeDay(join(folder, "waggle"), "bee-2");
  const odd = { command: process.execPath, args: [toolServer], env: { LEDGER: join(folder, "ledger") } };
  writeFileSync(join(folder, "mcp.json"), JSON.stringify({ mcpServers: { odd } }));
  const flags = ["--worker-id", "bee-2", "--history-size", "64MiB", "--mcp-config", join(folder, "mcp.json")];
  const oldUrl = (await spawnFakeWorker(flags, { env: { XDG_STATE_HOME: folder } })).url;
  return { workerUrl, lockedUrl, hiveUrl, oldUrl, slowHour };
}

const toolServer = fileURLToPath(new URL("../../../packages/mcp/src/testing/hostile-server.js", import.meta.url));
const call = `<tool_call>${JSON.stringify({ name: "odd__echo", arguments: { text: "bees\u202e" } })}</tool_call>`;

const answer = [
  "## Title\n\nA [link](https://bees.example), `code`, **bold** and ~~gone~~.\n\n- [x] done\n- [ ] to do",
  '```py\n@bee\ndef hum(n: int = 3):\n    """Doc."""\n    return "honey" + str(n)  # sweet\n```',
  "```diff\n+ added\n- removed\n```",
  "| a | b |\n|:-:|--:|\n| 1 | $x^2$ |",
  "$$\n\\frac{a}{b}\n$$\n\n> A quote\n\n---\n\n1. one\n2. two\n\n<kbd>text</kbd>",
].join("\n\n");

export const scenes: Readonly<Record<string, Scene>> = {
  "chat, empty": {
    open: async (page, { workerUrl }) => {
      await page.goto(workerUrl);
      await page.locator(".suggestion").nth(2).waitFor();
    },
  },
  "chat with an answer": {
    open: async (page, { workerUrl }) => {
      await page.goto(workerUrl);
      await says(page, answer);
      const chat = chatPage(page);
      await chat.send("Tell me more.");
      await chat.phase("done");
      await page.locator("mfrac").waitFor();
      await page.locator(".code-keyword").first().waitFor();
    },
  },
  "chat, many conversations": {
    open: async (page, { workerUrl }) => {
      await openConversations(page, workerUrl);
      await page.locator("[data-phase=done]").nth(1).waitFor();
    },
  },
  "chat, attached files": {
    open: async (page, { workerUrl }) => {
      await page.goto(workerUrl);
      const notes = {
        name: `${"notes-".repeat(30)}.txt`,
        mimeType: "text/plain",
        buffer: Buffer.from("The hive is full."),
      };
      const attach = async (): Promise<void> => {
        const choosing = page.waitForEvent("filechooser");
        await page.getByRole("button", { name: "Attach files" }).click();
        await (
          await choosing
        ).setFiles([notes, { ...notes, name: `${"x".repeat(90)}.zip`, buffer: Buffer.from([0, 1]) }]);
        await page.getByRole("alert").waitFor();
      };
      await attach();
      await chatPage(page).send("Read them. [eog:4]");
      await chatPage(page).phase("done");
      await page.locator(".message").getByText(notes.name).click();
      await attach();
    },
  },
  "chat, models": {
    open: async (page, { workerUrl }) => {
      await page.goto(workerUrl);
      await page.getByRole("button", { name: "Models" }).click();
      await page.getByText("Find another model").waitFor();
    },
  },
  "chat, settings": {
    open: async (page, { workerUrl }) => {
      await page.goto(workerUrl);
      await page.getByRole("button", { name: "Settings" }).click();
      await page.getByLabel("Temperature").waitFor();
    },
  },
  "chat, actions on conversations": {
    open: async (page, { workerUrl }) => {
      for (const text of ["apples [eog:3]", "pears [eog:3]"]) {
        await page.goto(workerUrl);
        await chatPage(page).send(text);
        await chatPage(page).phase("done");
      }
      await page.getByRole("button", { name: "Regenerate" }).click();
      await page.getByText("2 of 2").waitFor();
      await page.getByRole("button", { name: "Show numbers" }).click();
      await page.getByRole("button", { name: "Delete message" }).click();
      const list = page.getByRole("button", { name: "Conversations" });
      if (await list.isVisible()) await list.click();
      await page.getByRole("button", { name: "Delete “apples [eog:3]”" }).click();
      await page.getByRole("button", { name: "More for “pears [eog:3]”" }).click();
      await page.getByRole("button", { name: "Undo" }).nth(1).waitFor();
    },
  },
  "chat, all settings, two of them wrong": {
    open: async (page, { workerUrl }) => {
      await page.goto(workerUrl);
      await page.getByRole("button", { name: "Settings" }).click();
      await page.getByLabel("Temperature").fill("7");
      for (const title of await page.locator("dialog summary").all()) await title.click();
      await page.getByLabel("JSON schema").fill("{");
      await page.getByRole("button", { name: "Save", exact: true }).click();
      await page.getByText(/^Not JSON: /).waitFor();
    },
  },
  "chat, comparison": {
    open: async (page, { workerUrl }) => {
      await page.goto(workerUrl);
      await says(page, "The first answer is **short**.");
      await chatPage(page).send("Tell me more.");
      await chatPage(page).phase("done");
      await page.getByRole("button", { name: "Compare" }).click();
      await page.getByLabel("Temperature").fill("0.2");
      await page.getByRole("button", { name: "Ask for another answer" }).click();
      await page.getByRole("button", { name: "Keep this one" }).nth(1).waitFor();
    },
  },
  "chat, preview": {
    open: async (page, { workerUrl }) => {
      await page.goto(workerUrl);
      await says(page, "```html\n<h1>Honey</h1>\n<p>Two jars.</p>\n```");
      await chatPage(page).send("Show me a page.");
      await chatPage(page).phase("done");
      await page.getByRole("button", { name: "Preview" }).click();
      await page.frameLocator("iframe").frameLocator("iframe").getByText("Two jars.").waitFor();
    },
  },
  "chat, tools": {
    open: async (page, { oldUrl }) => {
      await page.goto(oldUrl);
      await page.getByRole("button", { name: "Tools" }).click();
      await page.getByRole("switch", { name: "odd", checked: false }).click();
      await page.getByText(/tools on\./).waitFor();
    },
  },
  "chat, consent": {
    open: async (page, { oldUrl }) => {
      await page.goto(oldUrl);
      await page.getByRole("button", { name: "Tools" }).click();
      await page.getByRole("switch", { name: "odd", checked: false }).click();
      await page.getByRole("button", { name: "Close" }).click();
      await chatPage(page).send(`[say:${encodeURIComponent(call)}]`);
      await page.getByRole("button", { name: "Allow once" }).waitFor();
    },
  },
  "chat, shortcuts": {
    at: ["wide"],
    open: async (page, { workerUrl }) => {
      await page.goto(workerUrl);
      await page.getByRole("button", { name: "Keyboard shortcuts" }).click();
      await page.getByRole("heading", { name: "Keyboard shortcuts" }).waitFor();
    },
  },
  "chat with a message that is too long, and a full context": {
    complains: /400/,
    open: async (page, { workerUrl }) => {
      await page.goto(workerUrl);
      const chat = chatPage(page);
      await chat.send("hello [eog:7000]");
      await chat.phase("done");
      await page.getByText(/^7,\d+ of 8,192 tokens \(\d+ %\)$/).waitFor();
      await page.getByText("The context is nearly full.").waitFor();
      await chat.send("too long ".repeat(4_000));
      await chat.phase("broken");
    },
  },
  "chat, list of conversations": {
    at: ["tablet", "phone"],
    open: async (page, { workerUrl }) => {
      await page.setViewportSize(widths.phone);
      await openConversations(page, workerUrl);
      await page.getByRole("button", { name: "Conversations" }).click();
      await page.locator(".with-sidebar").waitFor();
    },
  },
  "chat, found": {
    at: ["wide"],
    open: async (page, { workerUrl }) => {
      await openConversations(page, workerUrl);
      await page.getByRole("searchbox", { name: "Search all conversations" }).fill("part 2");
      await page
        .getByText(/part 2/)
        .first()
        .waitFor();
    },
  },
  "chat, offline": {
    complains: /ERR_INTERNET_DISCONNECTED/,
    open: async (page, { workerUrl }) => {
      await page.goto(workerUrl);
      await page.locator(".suggestion").nth(2).waitFor();
      await page.context().setOffline(true);
      await chatPage(page).send("Are you there?");
      await page
        .getByText(/^offline/)
        .first()
        .waitFor();
    },
  },
  "chat, token": {
    complains: /401/,
    open: async (page, { lockedUrl }) => {
      await page.goto(lockedUrl);
      await page.locator("dialog[open]").waitFor();
    },
  },
  status: {
    open: async (page, { workerUrl }) => {
      await page.goto(`${workerUrl}/status`);
      await page.getByText("0 of 8 busy").waitFor();
    },
  },
  "status, a slow hour": {
    open: async (page, { oldUrl, slowHour }) => {
      await page.goto(`${oldUrl}/status`);
      await page.getByLabel("Time shown").selectOption(slowHour);
      await page.getByText(/a step took 31 s/).waitFor();
      await page.locator("[data-ended]").nth(7).waitFor();
    },
  },
  hive: {
    open: async (page, { hiveUrl }) => {
      await page.goto(hiveUrl);
      await page.locator("[data-worker=bee-1]").first().waitFor();
    },
  },
  reference: {
    open: async (page, { workerUrl }) => {
      await page.goto(`${workerUrl}/reference`);
      await page.getByText("/v1/jobs").first().waitFor({ state: "attached" });
    },
  },
  "hive, an open confirmation": {
    open: async (page, { hiveUrl }) => {
      await page.goto(hiveUrl);
      await page.getByRole("button", { name: "Drain bee-1" }).click();
      await page.getByText("The worker takes no more jobs and stops.").waitFor();
    },
  },
};

/** Opens a chat with conversations of two weeks, and shows the newest one. */
async function openConversations(page: Page, workerUrl: string): Promise<void> {
  await page.goto(workerUrl);
  await page.getByLabel("File to import").setInputFiles(conversationFile(20));
  await page.getByText("Imported 20 conversations.").waitFor({ state: "attached" });
  await page
    .locator(".conversation-list button")
    .first()
    .evaluate((button) => (button as HTMLElement).click());
}
