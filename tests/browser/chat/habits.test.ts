// Shows that the chat supports common habits: Back, Escape, a draft when a suggestion is clicked, a small screen, right-to-left text.
import { poll } from "@waggle/testing/harness";
import type { Page } from "playwright-core";
import { beforeAll, expect, it } from "vitest";
import { visit } from "../support/browser.ts";
import { button, chatPage, say } from "../support/chat-page.ts";
import { sharedWorker, useBrowser } from "../support/use-browser.ts";

const browser = useBrowser();
let url: string;
beforeAll(async () => {
  // Steps slow enough to stop an answer.
  ({ url } = await sharedWorker("--fake-step-delay", "30ms", "--prefill-budget", "16"));
});

const bubble = (page: Page, text: string) => page.locator(".bubble").getByText(text, { exact: true });

it("goes back and forward between conversations", async () => {
  const { page } = await visit(browser, url);
  const chat = chatPage(page);
  await say(chat, "first [eog:2]");
  await button(page, "New conversation").click();
  await page.locator(".welcome").waitFor();
  await button(page, "New conversation").click();
  await say(chat, "second [eog:2]");
  await button(page, "first [eog:2]").click();
  await bubble(page, "first [eog:2]").waitFor();
  await page.goBack();
  await bubble(page, "second [eog:2]").waitFor();
  await page.goBack();
  await bubble(page, "first [eog:2]").waitFor();
  await page.goForward();
  await bubble(page, "second [eog:2]").waitFor();
  await page.goForward();
  await bubble(page, "first [eog:2]").waitFor();
});

it("keeps the draft in the new conversation when a suggestion is sent, and can stop and continue its answer", async () => {
  const { page } = await visit(browser, url);
  const chat = chatPage(page);
  await chat.box.fill("half of a thought");
  await page.locator(".suggestion").first().click();
  await chat.phase("streaming");
  await button(page, "Stop").click();
  await chat.phase("stopped");
  await button(page, "Continue").click();
  await chat.phase("streaming");
  await button(page, "Stop").click();
  await chat.lastAnswer.getByText("Stopped · Continued").waitFor();
  expect(await chat.box.inputValue()).toBe("half of a thought");
  await page.reload();
  await page.locator(".bubble").waitFor();
  expect(await chat.box.inputValue()).toBe("half of a thought");
  await button(page, "New conversation").click();
  await page.locator(".welcome").waitFor();
  expect(await chat.box.inputValue()).toBe("");
});

it("does not save an edit while an input method composes in it", async () => {
  const { page } = await visit(browser, url);
  const chat = chatPage(page);
  await say(chat, "hello [eog:2]");
  await button(page, "Edit and send again").click();
  const box = page.getByRole("textbox", { name: "Edit the message" });
  await box.fill("konnichiwa");
  await box.dispatchEvent("keydown", { key: "Escape", isComposing: true, bubbles: true });
  // Safari's event for the Enter key that confirms a composition.
  await box.dispatchEvent("keydown", { key: "Enter", keyCode: 229, bubbles: true });
  expect(await box.inputValue()).toBe("konnichiwa");
  await box.press("Escape");
  await box.waitFor({ state: "detached" });
});

it("closes a conversation's menu on Escape, and continues the answer", async () => {
  const { page } = await visit(browser, url);
  const chat = chatPage(page);
  await chat.send("tell me everything");
  await chat.phase("streaming");
  const more = button(page, "More for “tell me everything”");
  await more.click();
  await page.getByRole("button", { name: "Rename" }).focus();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Rename" }).waitFor({ state: "detached" });
  expect(await more.evaluate((element) => element === document.activeElement)).toBe(true);
  const before = await chat.text();
  await poll("more text", async () => (await chat.text()).length > before.length);
  await page.keyboard.press("Escape");
  await chat.phase("stopped");
});

it("shows the top of the empty state on a phone whose keyboard is open", async () => {
  const { page } = await visit(browser, url, { viewport: { width: 360, height: 400 } });
  await page.locator(".suggestion").first().waitFor();
  const [main, first] = await Promise.all([
    page.locator("main").boundingBox(),
    page.locator(".welcome > *").first().boundingBox(),
  ]);
  expect(first?.y).toBeGreaterThanOrEqual(main?.y ?? Number.NaN);
});

it("lays out text of a right-to-left script from right to left, but not code", async () => {
  const { page } = await visit(browser, url);
  const chat = chatPage(page);
  await say(chat, "hello [eog:2]");
  await button(page, "Edit answer").click();
  const words = "- שלום עולם\n\n> ציטוט בעברית, with English\n\nLeft to right.\n\n```\ncode\n```";
  await page.getByRole("textbox", { name: "Edit the answer" }).fill(words);
  await button(page, "Save").click();
  const directionOf = (selector: string): Promise<string> =>
    page
      .locator(`.answer ${selector}`)
      .first()
      .evaluate((element) => getComputedStyle(element).direction);
  await page.locator(".answer blockquote").waitFor();
  expect(await Promise.all(["ul", "li", "blockquote"].map(directionOf))).toEqual(Array(3).fill("rtl"));
  expect(await Promise.all([".block > p", ".code"].map(directionOf))).toEqual(["ltr", "ltr"]);
  const [list, item] = await Promise.all([
    page.locator(".answer ul").boundingBox(),
    page.locator(".answer li").boundingBox(),
  ]);
  // The list marker is on the right of the text.
  expect((item?.x ?? 0) + (item?.width ?? 0)).toBeLessThan((list?.x ?? 0) + (list?.width ?? 0));
});
