// Shows what a visitor does with single messages: deleting them with an undo, wrapping code, showing numbers; and that a phone has room for it.
import { GenerateRequestSchema } from "@waggle/protocol";
import { poll } from "@waggle/testing/harness";
import type { Locator, Page } from "playwright-core";
import { beforeAll, describe, expect, it } from "vitest";
import { openTab, visit } from "../support/browser.ts";
import { button, chatPage, say } from "../support/chat-page.ts";
import { says } from "../support/says.ts";
import { sharedWorker, useBrowser } from "../support/use-browser.ts";

const browser = useBrowser();
let url: string;
beforeAll(async () => void (url = (await sharedWorker()).url));

const bubbles = async (page: Page): Promise<string[]> => await page.locator(".bubble").allInnerTexts();

describe("a message", () => {
  it("can be deleted and restored, and the next request is without it", async () => {
    const { page, context, complaints } = await visit(browser, url);
    const chat = chatPage(page);
    await say(chat, "one [eog:3]");
    await say(chat, "two [eog:3]");
    await button(page, "Delete message").last().click();
    await page.getByText("Deleted “two [eog:3]”").waitFor();
    expect(await bubbles(page)).toEqual(["one [eog:3]"]);
    expect(await chat.answers.count()).toBe(2);
    await button(page, "Undo").click();
    expect(await bubbles(page)).toEqual(["one [eog:3]", "two [eog:3]"]);
    const other = (await openTab(context, page.url())).page;
    await other.getByText("two [eog:3]").waitFor();
    await button(page, "Delete answer").first().click();
    await button(page, "Delete message").last().click();
    await poll("another tab without the message", async () => (await bubbles(other)).length === 1);

    const asked = page.waitForRequest((request) => request.method() === "POST");
    await chat.send("three [eog:3]");
    expect(GenerateRequestSchema.parse((await asked).postDataJSON()).messages).toEqual([
      { role: "user", content: "one [eog:3]" },
      expect.objectContaining({ role: "assistant" }),
      { role: "user", content: "three [eog:3]" },
    ]);
    await chat.phase("done");
    await page.reload();
    await page.getByText("three [eog:3]").waitFor();
    expect(await bubbles(page)).toEqual(["one [eog:3]", "three [eog:3]"]);
    expect(complaints).toEqual([]);
  });

  it("leaves an answer that cannot be asked for again", async () => {
    const { page } = await visit(browser, url);
    const chat = chatPage(page);
    await say(chat, "one [eog:3]");
    await button(page, "Delete message").click();
    await page.locator(".bubble").waitFor({ state: "detached" });
    expect(await button(page, "Regenerate").count()).toBe(0);
    await button(page, "Delete answer").click();
    await page.locator(".suggestion").first().waitFor();
    expect(await say(chat, "again [eog:3]")).not.toBe("");
  });
});

describe("the icons of an earlier message", () => {
  const opacity = async (page: Page, at: number): Promise<string> =>
    await page
      .locator(".turn-icons")
      .nth(at)
      .evaluate((icons) => getComputedStyle(icons).opacity);

  it("take no space, and show on hover and focus", async () => {
    const { page } = await visit(browser, url);
    const chat = chatPage(page);
    await say(chat, "one [eog:3]");
    await say(chat, "two [eog:3]");
    await chat.box.hover();
    expect(await Promise.all([0, 1, 2, 3].map((at) => opacity(page, at)))).toEqual(["0", "0", "1", "1"]);
    expect((await page.locator(".turn-tools").first().boundingBox())?.height).toBe(0);
    await page.locator(".bubble").first().hover();
    expect(await opacity(page, 0)).toBe("1");
    await button(page, "Copy answer").first().focus();
    expect(await opacity(page, 1)).toBe("1");
  });

  it("show after a tap, which presses none of them", async () => {
    const { page } = await visit(browser, url, {
      viewport: { width: 390, height: 800 },
      hasTouch: true,
      isMobile: true,
    });
    const chat = chatPage(page);
    await say(chat, "one [eog:3]");
    await say(chat, "two [eog:3]");
    const remove = button(page, "Delete message").first();
    const { x = 0, y = 0, width = 0, height = 0 } = (await remove.boundingBox()) ?? {};
    await page.touchscreen.tap(x + width / 2, y + height / 2);
    expect(await bubbles(page)).toHaveLength(2);
    await page.locator(".bubble").first().tap();
    await expect.poll(() => opacity(page, 0)).toBe("1");
    await remove.tap();
    await page.getByText("Deleted “one [eog:3]”").waitFor();
  });
});

it.each([390, 1_280])("keeps the buttons for a long answer in the window, at %s pixels", async (width) => {
  const { page } = await visit(browser, url, { viewport: { width, height: 700 } });
  const chat = chatPage(page);
  await says(page, "the bees dance in the sun ".repeat(60));
  await chat.send("Tell me about bees.\n".repeat(20));
  await chat.phase("done");
  await button(page, "Edit answer").click();
  const boxOf = async (selector: string): Promise<DOMRect> =>
    await page.locator(selector).evaluate((element) => element.getBoundingClientRect());
  expect((await boxOf(".editor .primary")).bottom).toBeLessThan((await boxOf(".transcript")).bottom);
  await page.locator(".transcript").evaluate((element) => element.scrollTo(0, 0));
  await button(page, "To the newest").waitFor();
  expect((await boxOf(".to-end .button")).bottom).toBeLessThan((await boxOf(".context-line")).top);
  await button(page, "Cancel").click();
  await button(page, "Delete answer").click();
  await button(page, "Undo").waitFor();
  expect((await boxOf(".undo-list .button")).right).toBeLessThan(width);
});

it("wraps long lines of all code, and remembers it", async () => {
  const { page } = await visit(browser, url, { viewport: { width: 390, height: 800 } });
  const block = "```py\n" + "honey = 1 + ".repeat(40) + "1\n```";
  await says(page, `${block}\n\nand\n\n${block}`);
  const chat = chatPage(page);
  await chat.send("Show code.");
  await chat.phase("done");
  const pre = page.locator(".code pre").last();
  const overflows = (): Promise<boolean> => pre.evaluate((element) => element.scrollWidth > element.clientWidth);
  expect(await overflows()).toBe(true);
  await page.getByRole("button", { name: "Wrap long lines" }).first().click();
  expect(await overflows()).toBe(false);
  await page.reload();
  await pre.waitFor();
  expect(await overflows()).toBe(false);
});

it("shows an answer with its numbers in the window after a click, and remembers that", async () => {
  const { page } = await visit(browser, url, { viewport: { width: 390, height: 700 } });
  const chat = chatPage(page);
  await say(chat, "one [eog:1500]");
  const numbers = page.getByText(/^1,501 tokens · [\d,.]+ tokens\/s · first token after/);
  expect(await numbers.count()).toBe(0);
  await chat.showNumbers();
  const bottomOf = async (shown: Locator): Promise<number> =>
    await shown.evaluate((element) => element.getBoundingClientRect().bottom);
  const below = async (): Promise<number> => (await bottomOf(numbers)) - (await bottomOf(page.locator(".transcript")));
  await expect.poll(below).toBeLessThan(0);
  await page.reload();
  await numbers.waitFor();
});

it("has buttons for fingers on a phone", async () => {
  const { page } = await visit(browser, url, { viewport: { width: 390, height: 800 }, hasTouch: true, isMobile: true });
  await say(chatPage(page), "one [eog:3]");
  const tops = await page.locator(".topbar :is(button, a):visible").evaluateAll((buttons) =>
    buttons.map((element) => {
      const { y, height } = element.getBoundingClientRect();
      return Math.round(y + height / 2);
    }),
  );
  expect(tops.length).toBeGreaterThan(3);
  expect(new Set(tops).size).toBe(1);
  const small = (): Promise<string[]> =>
    page.locator(".button.icon:visible").evaluateAll((icons) =>
      icons.flatMap((icon) => {
        const { width, height } = icon.getBoundingClientRect();
        // A rectangle's edges are rounded to single precision: while the sidebar moves, 40 pixels can be 39.99998.
        return Math.min(width, height) < 39.99 ? [`${icon.ariaLabel ?? ""} ${width} × ${height}`] : [];
      }),
    );
  expect(await small()).toEqual([]);
  await button(page, "Conversations").click();
  await page.locator(".with-sidebar").waitFor();
  expect(await small()).toEqual([]);
});

it("shows a long title on one line, and in full on hover", async () => {
  const { page } = await visit(browser, url);
  const title = `${"a long question about bees and their dances ".repeat(3)}[eog:2]`;
  await say(chatPage(page), title);
  const entry = page.locator(".entry-title");
  expect(await entry.getAttribute("title")).toBe(title);
  expect(await page.locator(".entry-title > span").evaluate((text) => text.scrollWidth > text.clientWidth)).toBe(true);
  expect(await entry.evaluate(({ clientHeight }) => clientHeight)).toBeLessThan(40);
});
