// Shows a conversation's settings from the dialog to the request, the system prompt's line, the context meter, and the keyboard shortcuts.
import { GenerateRequestSchema } from "@waggle/protocol";
import type { BrowserContextOptions, Locator, Page } from "playwright-core";
import { beforeAll, describe, expect, it } from "vitest";
import { visit } from "../support/browser.ts";
import type { Watched } from "../support/browser.ts";
import { chooseModel } from "../support/choose-model.ts";
import { chatPage, say } from "../support/chat-page.ts";
import { openModelWorker, severalModels, statusesOf } from "../support/model-worker.ts";
import { sharedWorker, useBrowser } from "../support/use-browser.ts";

const browser = useBrowser();
let url: string;
beforeAll(async () => void (url = (await sharedWorker("--context-size", "256")).url));

async function openSettings({ address = url, ...options }: OpenOptions = {}): Promise<Watched> {
  const visited = await visit(browser, address, options);
  await visited.page.getByRole("button", { name: "Settings" }).click();
  return visited;
}

type OpenOptions = BrowserContextOptions & { address?: string };

const group = (page: Page, title: string) => page.locator("summary", { hasText: title });
const save = (page: Page) => page.getByRole("button", { name: "Save", exact: true });

/** Sends a message, and returns the body of the page's request. */
async function asked(page: Page, text: string): Promise<unknown> {
  const request = page.waitForRequest((sent) => sent.method() === "POST" && sent.url().endsWith("/v1/jobs"));
  await chatPage(page).send(text);
  return GenerateRequestSchema.parse((await request).postDataJSON());
}

describe("settings", () => {
  it("are in the request as typed, and become the default if chosen", async () => {
    const { page, complaints } = await openSettings();
    await page.getByLabel("System prompt").fill("You are a bee.");
    await page.getByLabel("Temperature", { exact: true }).fill("0.123");
    await page.getByLabel("Max tokens", { exact: true }).fill("7");
    await group(page, "Stop strings").click();
    await page.getByLabel("Stop strings", { exact: true }).fill("END\n\\n\\n");
    await page.getByLabel("JSON schema", { exact: true }).fill('{"type": "string"}');
    await group(page, "Other parameters").click();
    await page.getByLabel("Parameters as JSON").fill('{"dry_multiplier": 0.8}');
    await page.getByLabel("New conversations begin with these settings").check();
    await save(page).click();
    expect(await asked(page, "hello")).toMatchObject({
      messages: [{ role: "system", content: "You are a bee." }, { role: "user" }],
      temperature: 0.123,
      max_tokens: 7,
      stop: ["END", "\n\n"],
      json_schema: { type: "string" },
      dry_multiplier: 0.8,
    });
    await page.getByRole("button", { name: "New conversation" }).click();
    await page.reload();
    await page.getByRole("button", { name: "System prompt: You are a bee." }).click();
    expect(await page.getByLabel("Temperature", { exact: true }).inputValue()).toBe("0.123");
    await page.getByText("2 set").waitFor();
    expect(complaints).toEqual([]);
  });

  it("show a problem each if they are invalid, and are not saved until all are valid", async () => {
    const { page } = await openSettings();
    await page.getByLabel("Top-p", { exact: true }).fill("1.5");
    await group(page, "Stop strings").click();
    await page.getByLabel("JSON schema", { exact: true }).fill("{no");
    await group(page, "Stop strings").click();
    await save(page).click();
    await page.getByText("A number from 0 to 1.", { exact: true }).waitFor();
    await page.getByText(/^Not JSON: /).waitFor();
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("setting-top_p");
    await page.getByLabel("Top-p", { exact: true }).fill("0.5");
    await page.getByLabel("JSON schema", { exact: true }).fill("");
    await save(page).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(await asked(page, "hello [eog:2]")).toMatchObject({ top_p: 0.5 });
  });

  it("apply to this conversation only by default, and can be reset singly or together", async () => {
    const { page } = await openSettings();
    await page.getByLabel("Temperature", { exact: true }).fill("1.1");
    await page.getByLabel("Seed", { exact: true }).fill("5");
    await page.getByLabel("Seed", { exact: true }).fill("");
    await save(page).click();
    expect(await asked(page, "hello [eog:2]")).toMatchObject({ temperature: 1.1, seed: -1 });
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByRole("button", { name: "Reset all" }).click();
    await save(page).click();
    expect(await asked(page, "again [eog:2]")).toMatchObject({ temperature: 0.8 });
  });

  it("fit a window of 1,200 by 800 pixels", async () => {
    const { page } = await openSettings({ viewport: { width: 1_200, height: 800 } });
    await page.getByLabel("Temperature", { exact: true }).waitFor();
    expect(await page.locator("dialog").evaluate((d) => d.scrollHeight - d.clientHeight)).toBe(0);
  });

  it("offer only the switches for thinking that the model has", async () => {
    const { small, large } = severalModels();
    const abilities = { format: "derived", tools: false, parallel_tool_calls: false, switches: ["enable_thinking"] };
    const chat = { ...abilities, thinking: "switchable" as const, template_variables: [] };
    const thinks = { ...small, chat };
    const silent = { ...large, chat: { ...chat, thinking: "never" as const } };
    await using worker = await openModelWorker(url, statusesOf([thinks, silent]));
    const { page } = await openSettings({ address: worker.url });
    await group(page, "Reasoning").click();
    expect(await page.getByLabel("Reasoning effort", { exact: true }).count()).toBe(0);
    await page.getByLabel("Thinking", { exact: true }).selectOption("off");
    await save(page).click();
    expect(await asked(page, "hello [eog:2]")).toMatchObject({ enable_thinking: false });
    await chooseModel(page, "bee-large");
    expect(await asked(page, "hello [eog:2]")).not.toHaveProperty("enable_thinking");
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByLabel("Temperature", { exact: true }).waitFor();
    expect(await group(page, "Reasoning").count()).toBe(0);
  });

  it("are named if the worker refuses them, with a button to the settings", async () => {
    const { page } = await openSettings();
    await group(page, "Stop strings").click();
    await page.getByLabel("JSON schema", { exact: true }).fill('{"$dynamicRef": "#a"}');
    await save(page).click();
    await chatPage(page).send("hello");
    await page.getByText("The server refused a setting: JSON schema").waitFor();
    await page.getByRole("button", { name: "Open Settings" }).click();
    await page.getByLabel("JSON schema", { exact: true }).waitFor();
  });
});

describe("the keyboard", () => {
  it("runs the listed actions by single keys, but not while the visitor types", async () => {
    const { page, context } = await visit(browser, url);
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const chat = chatPage(page);
    await say(chat, "hello [eog:9]");
    await page.keyboard.type("nmrs?");
    expect(await chat.box.inputValue()).toBe("nmrs?");
    await page.keyboard.press("Escape");
    await page.keyboard.press("c");
    const answer = await chat.text();
    await expect.poll(async () => (await page.evaluate(() => navigator.clipboard.readText())).trim()).toBe(answer);
    const request = page.waitForRequest((sent) => sent.method() === "POST");
    await page.keyboard.press("r");
    await request;
    await chat.phase("done");
    await page.keyboard.press("s");
    const heading = page.getByRole("heading", { name: "Settings of this conversation" });
    await heading.waitFor();
    await page.keyboard.press("Escape");
    // Until the dialog has closed, the key would be a letter in its first field.
    await heading.waitFor({ state: "detached" });
    await page.keyboard.press("/");
    const search = page.getByRole("searchbox", { name: "Search all conversations" });
    expect(await search.evaluate((field) => field === document.activeElement)).toBe(true);
    await page.keyboard.press("Escape");
    await page.keyboard.press("m");
    expect(await chat.box.evaluate((box) => box === document.activeElement)).toBe(true);
    await page.keyboard.press("Escape");
    await page.keyboard.press("n");
    await page.getByRole("heading", { name: "What shall we talk about?" }).waitFor();
  });

  it("searches with Ctrl+K from the message box, and returns there", async () => {
    const { page } = await visit(browser, url, { viewport: { width: 390, height: 800 } });
    const chat = chatPage(page);
    await say(chat, "apples [eog:3]");
    const isFocused = (place: Locator): Promise<boolean> => place.evaluate((it) => it === document.activeElement);
    const search = page.getByRole("searchbox", { name: "Search all conversations" });
    await chat.box.press("Control+k");
    await expect.poll(() => isFocused(search)).toBe(true);
    await page.keyboard.type("apples");
    await page.getByText("Found in 1 conversation").waitFor();
    await page.keyboard.press("Escape");
    expect(await isFocused(chat.box)).toBe(true);
    await page.locator(".with-sidebar").waitFor({ state: "detached" });
  });

  it("lists its shortcuts at ?, where they can be turned off", async () => {
    const { page } = await visit(browser, url);
    await chatPage(page).box.press("Escape");
    await page.keyboard.press("?");
    await page.getByRole("heading", { name: "Keyboard shortcuts" }).waitFor();
    await page.getByText("Regenerate the last answer").waitFor();
    await page.getByLabel("Use single keys").uncheck();
    await page.getByRole("button", { name: "Close" }).click();
    await page.keyboard.press("s");
    await page.reload();
    await chatPage(page).box.press("Escape");
    await page.keyboard.press("s");
    await page.getByRole("button", { name: "Keyboard shortcuts" }).click();
    expect(await page.getByRole("dialog").count()).toBe(1);
    expect(await page.getByLabel("Use single keys").isChecked()).toBe(false);
  });
});
