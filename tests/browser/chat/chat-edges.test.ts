// Shows edge cases of the chat: broken addresses, browsers without storage, and other branches.
import { poll } from "@waggle/testing/harness";
import { beforeAll, expect, it } from "vitest";
import { openTab, visit } from "../support/browser.ts";
import { button, chatPage, say } from "../support/chat-page.ts";
import { sharedWorker, useBrowser } from "../support/use-browser.ts";

const browser = useBrowser();
let url: string;
beforeAll(async () => void (url = (await sharedWorker()).url));

it("begins a new conversation if the address is malformed", async () => {
  const { page, complaints } = await visit(browser, `${url}/#chat-%E4%A`);
  await say(chatPage(page), "hello [eog:2]");
  expect(complaints).toEqual([]);
});

it("works in a browser that forbids all storage, with a notice", async () => {
  const context = await browser.newContext();
  await context.addInitScript(() => {
    const refuse = (): never => {
      throw new DOMException("Access is denied for this document.", "SecurityError");
    };
    for (const name of ["localStorage", "sessionStorage", "indexedDB"]) {
      Object.defineProperty(globalThis, name, { get: refuse });
    }
  });
  const { page, complaints } = await openTab(context, url);
  await page.getByRole("alert").getByText("keeps nothing for this page (Access is denied for this document)").waitFor();
  await say(chatPage(page), "hello [eog:2]");
  await button(page, "Colours: system. Change").click();
  await page.locator("html[data-theme=light]").waitFor();
  for (const path of ["/status", "/reference"]) {
    await page.goto(`${url}${path}`);
    await button(page, "Colours: system. Change").waitFor();
  }
  expect(complaints).toEqual([]);
});

it("keeps the scroll position and the focus on the buttons when the branch changes", async () => {
  const { page } = await visit(browser, url, { viewport: { width: 800, height: 500 } });
  const chat = chatPage(page);
  await say(chat, "one [eog:2]");
  await button(page, "Regenerate").click();
  await page.getByText("2 of 2").waitFor();
  await chat.phase("done");
  for (const text of ["two [eog:90]", "three [eog:90]", "four [eog:90]"]) await say(chat, text);
  const scrolled = (): Promise<number> => page.locator(".transcript").evaluate(({ scrollTop }) => scrollTop);
  await expect.poll(scrolled).toBeGreaterThan(300);
  await button(page, "Previous answer").click();
  await page.getByText("1 of 2").waitFor();
  await poll("the focus on the button for the next answer", () =>
    button(page, "Next answer").evaluate((next) => next === document.activeElement),
  );
  await page.keyboard.press("Enter");
  await page.getByText("2 of 2").waitFor();
  await poll("the focus on the button for the previous answer", () =>
    button(page, "Previous answer").evaluate((other) => other === document.activeElement),
  );
  expect(await scrolled()).toBeLessThan(300);
});

it("stops the answer of the shown branch, and not that of another branch", async () => {
  const { page } = await visit(browser, url);
  const chat = chatPage(page);
  await say(chat, "a story [eog:4]");
  let release = (): void => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route("**/stream", async (route) => {
    await held;
    await route.continue();
  });
  await button(page, "Regenerate").click();
  await page.getByText("2 of 2").waitFor();
  await button(page, "Stop").waitFor();
  await button(page, "Previous answer").click();
  await button(page, "Send").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await button(page, "Next answer").click();
  await button(page, "Stop").waitFor();
  release();
  await chat.phase("done");
});

it("continues the answer of a conversation that is not shown, also after a reload", async () => {
  const { page } = await visit(browser, url);
  const chat = chatPage(page);
  let release = (): void => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route("**/stream", async (route) => {
    await held;
    await route.continue();
  });
  await chat.send("a story [eog:4]");
  await button(page, "Stop").waitFor();
  await button(page, "New conversation").click();
  await page.locator(".welcome").waitFor();
  await page.reload();
  await page.getByRole("img", { name: "Answering" }).waitFor();
  release();
  await page.getByRole("img", { name: "Answering" }).waitFor({ state: "detached" });
  await page.unroute("**/stream");
  await page.route("**/stream", (route) => route.abort());
  await button(page, "a story [eog:4]").click();
  await chat.phase("done");
  expect(await chat.text()).not.toBe("");
});
