// Shows MCP tools in the chat, with a real worker and a real tool server: the menu, consent, results, and a restart of the worker.
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { beforeEach, expect, it } from "vitest";
import { spawnFakeWorker } from "../../support/daemon.ts";
import type { ListeningWorker } from "../../support/daemon.ts";
import { visit } from "../support/browser.ts";
import { chatPage } from "../support/chat-page.ts";
import { pageProblems } from "../support/page-problems.ts";
import { useBrowser } from "../support/use-browser.ts";

const browser = useBrowser();
const script = fileURLToPath(new URL("../../../packages/mcp/src/testing/hostile-server.js", import.meta.url));

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "waggle-mcp-page-"))));

const path = (name: string): string => join(folder, name);
const ledger = (): string => (existsSync(path("ledger")) ? readFileSync(path("ledger"), "utf8") : "");

async function spawn({ port = "0", server = "odd" } = {}): Promise<ListeningWorker> {
  const env = { LEDGER: path("ledger"), HOLD: path("go") };
  const odd = { command: process.execPath, args: [script], env, alwaysAllow: ["hold"] };
  writeFileSync(path("mcp.json"), JSON.stringify({ mcpServers: { [server]: odd } }));
  const journal = ["--mcp-journal-dir", path("journal"), "--worker-id", "mcp-page"];
  return await spawnFakeWorker(["--port", port, "--mcp-config", path("mcp.json"), ...journal]);
}

/** The fake model says the last such text of its prompt. */
const say = (text: string): string => `[say:${encodeURIComponent(text)}]`;
const call = (name: string, text: string): string =>
  `<tool_call>${JSON.stringify({ name, arguments: { text } })}</tool_call>`;

async function openMenu(page: Page): Promise<void> {
  await page.getByRole("button", { name: /^Tools/ }).click();
}

async function allowTools(page: Page): Promise<void> {
  await openMenu(page);
  await page.getByRole("switch", { name: "odd", checked: false }).click();
  await page.getByRole("switch", { name: "odd", checked: true }).waitFor();
  await page.keyboard.press("Escape");
}

it("offers the tools that are on, chosen by keyboard, and shows their number and cost", async () => {
  const worker = await spawn();
  const { page, complaints } = await visit(browser, worker.url);
  const button = page.getByRole("button", { name: /^Tools/ });
  await button.focus();
  await page.keyboard.press("Enter");
  await page.getByText("No tools are on.").waitFor();
  const server = page.getByRole("switch", { name: "odd" });
  await server.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("switch", { name: "odd", checked: true }).waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Space");
  await page.getByRole("switch", { name: "echo", checked: false }).waitFor();
  await page
    .getByText(/^14 tools on\. Tools of servers take ≈[\d,]+ tokens in each message\. The context has 8,192\./)
    .waitFor();
  expect(await pageProblems(page)).toEqual([]);
  await page.keyboard.press("Escape");
  expect(await button.evaluate((element) => element === document.activeElement)).toBe(true);
  expect(await button.getAttribute("aria-label")).toBe("Tools 14 on");
  const sent = page.waitForRequest("**/v1/jobs");
  await chatPage(page).send(say("Hi."));
  const { mcp_tools: names } = (await sent).postDataJSON() as { readonly mcp_tools: readonly string[] };
  expect(names).toHaveLength(14);
  expect(names).not.toContain("odd__echo");
  await page.getByRole("button", { name: "New conversation" }).click();
  await page.getByRole("button", { name: "Tools 14 on" }).waitFor();
  expect(complaints).toEqual([]);
});

it("asks before a call, shows its result as data of the tool, and asks only once in a conversation", async () => {
  const worker = await spawn();
  const { page, complaints } = await visit(browser, worker.url);
  const chat = chatPage(page);
  await allowTools(page);
  await chat.send(say(call("odd__echo", say("It is done."))));
  await page.getByRole("group", { name: "Consent to echo of the server odd" }).waitFor();
  await page.getByText("echo of the server odd wants to run.").waitFor();
  expect(ledger()).toBe("");
  expect(await pageProblems(page)).toEqual([]);
  await page.getByRole("button", { name: "Allow in this conversation" }).click();
  await page.getByText("It is done.", { exact: true }).waitFor();
  await chat.phase("done");
  const result = page.getByRole("group", { name: "Result of echo of the server odd" });
  expect(await result.innerText()).toBe(`echo: ${say("It is done.")}`);
  expect(await pageProblems(page)).toEqual([]);
  await page.reload();
  await result.waitFor();
  await chat.send(say(call("odd__echo", say("And again."))));
  await page.getByText("And again.", { exact: true }).waitFor();
  expect(ledger().match(/^echo /gm)).toHaveLength(2);
  expect(complaints).toEqual([]);
});

it("leaves the tools that are gone out of a message, and shows them", async () => {
  const worker = await spawn();
  const { page } = await visit(browser, worker.url);
  await allowTools(page);
  worker.signal("SIGKILL");
  await worker.exited;
  await spawn({ port: new URL(worker.url).port, server: "even" });
  await chatPage(page).send(say("Without tools."));
  await page.getByText("Without tools.", { exact: true }).waitFor();
  await openMenu(page);
  const gone = page.getByText(/^Gone, and left out of messages: odd__echo, /);
  await gone.waitFor();
  expect(await pageProblems(page)).toEqual([]);
  await page.getByRole("button", { name: "Remove" }).click();
  await gone.waitFor({ state: "detached" });
});

it("lets the visitor refuse a call", async () => {
  const worker = await spawn();
  const { page } = await visit(browser, worker.url);
  await allowTools(page);
  await chatPage(page).send(say(call("odd__echo", "exe.\u202etxt")));
  await page.getByRole("button", { name: "Refuse" }).waitFor();
  await page.getByText('"text": "exe.\\u202etxt"').first().waitFor();
  await page.getByRole("button", { name: "Refuse" }).click();
  await page.getByText("The user refused this call.").first().waitFor();
  expect(ledger()).toBe("");
});

it("shows what a tool is for, and the first lines of a long call and a long result", async () => {
  const worker = await spawn();
  const { page } = await visit(browser, worker.url);
  await allowTools(page);
  const tool = { name: "odd__echo", tool: "echo", description: "Returns the text.", needs_consent: true };
  const servers = [{ name: "odd", state: "ready", tools: [tool], left_out: [] }];
  await page.route("**/v1/mcp/servers", (route) => route.fulfill({ json: { servers } }));
  const lines = Array.from({ length: 40 }, (_, i) => `line ${i + 1}`).join("\n");
  const list = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`a${i}`, i]));
  const long = JSON.stringify({ name: "odd__echo", arguments: { text: `${lines} ${say("Fine.")}`, ...list } });
  await chatPage(page).send(say(`<tool_call>${long}</tool_call>`));
  const consent = page.getByRole("group", { name: "Consent to echo of the server odd" });
  await consent.getByText("Returns the text.").waitFor();
  await consent.getByRole("button", { name: "Show all 23 lines" }).click();
  await consent.getByText('"a19": 19').waitFor();
  await consent.getByRole("button", { name: "Allow once" }).click();
  const result = page.getByRole("group", { name: "Result of echo of the server odd" });
  await page.getByRole("button", { name: "Show all 40 lines" }).waitFor();
  expect(await result.innerText()).toMatch(/line 12$/);
  await page.getByRole("button", { name: "Show all 40 lines" }).click();
  await result.getByText("line 40").waitFor();
});

it("continues after a restart of the worker, and says that the outcome of the call is unknown", async () => {
  const worker = await spawn();
  const { page } = await visit(browser, worker.url);
  await allowTools(page);
  await chatPage(page).send(say(call("odd__hold", say("x"))));
  await expect.poll(ledger).toMatch(/^hold /);
  worker.signal("SIGKILL");
  await worker.exited;
  await spawn({ port: new URL(worker.url).port });
  await page.getByText("outcome unknown").first().waitFor();
  expect(ledger().match(/^hold /gm)?.length).toBeGreaterThanOrEqual(1);
});
