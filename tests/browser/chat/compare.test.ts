// Shows two answers to a message side by side: one requests another answer with another model, temperature or thinking, and keeps one of both.
import type { ModelStatus } from "@waggle/protocol";
import type { BrowserContextOptions } from "playwright-core";
import { afterEach, beforeAll, expect, it } from "vitest";
import { visit, type Watched } from "../support/browser.ts";
import { button, chatPage, say } from "../support/chat-page.ts";
import { openModelWorker, severalModels, statusesOf, type ModelWorker } from "../support/model-worker.ts";
import { problemsInLooks } from "../support/page-problems.ts";
import { sharedWorker, useBrowser } from "../support/use-browser.ts";

const browser = useBrowser();
let fakeUrl: string;
let worker: ModelWorker;
beforeAll(async () => void (fakeUrl = (await sharedWorker()).url));
afterEach(async () => await worker[Symbol.asyncDispose]());

const { small, large, vectors } = severalModels();
const thinker: ModelStatus =
  small.chat === undefined ? large : { ...large, chat: { ...small.chat, thinking: "switchable" } };

async function open(options: BrowserContextOptions = {}): Promise<Watched> {
  worker = await openModelWorker(fakeUrl, statusesOf([small, thinker, vectors]));
  const visited = await visit(browser, worker.url, options);
  await say(chatPage(visited.page), "Where do bees sleep? [eog:9]");
  return visited;
}

it("requests another answer with another model and temperature, keeps it, and keeps the conversation's settings", async () => {
  const { page, complaints } = await open();
  await button(page, "Compare").click();
  const dialog = page.getByRole("dialog", { name: "Compare answers" });
  await dialog.getByText("Ask for another answer below").waitFor();
  expect(await dialog.getByLabel("Thinking").count()).toBe(0);
  await dialog.getByLabel("Model").selectOption("bee-large");
  await dialog.getByLabel("Temperature").fill("0.2");
  // Only this model can think; the real worker behind it cannot.
  await dialog.getByLabel("Thinking").waitFor();
  await dialog.getByRole("button", { name: "Ask for another answer" }).click();
  // The real worker reports its own model.
  const other = dialog.getByRole("region", { name: "waggle-fake · temperature 0.2" });
  await other.getByText(/^10 tokens · .*first token after/).waitFor();
  await dialog
    .getByRole("region", { name: "waggle-fake", exact: true })
    .getByText(/^10 tokens/)
    .waitFor();
  expect(worker.jobs.at(-1)).toMatchObject({ model: "bee-large", temperature: 0.2 });

  await other.getByRole("button", { name: "Keep this one" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.reload();
  await page.locator(".answer").getByText("temperature 0.2").waitFor();
  await page.getByText("2 of 2").waitFor();
  await say(chatPage(page), "And wasps? [eog:3]");
  expect(worker.jobs.at(-1)).toMatchObject({ model: "bee-small" });
  expect(worker.jobs.at(-1)).not.toHaveProperty("temperature");
  expect(complaints).toEqual([]);
});

it("works without a mouse: opens, chooses the other answer, keeps, and returns the focus", async () => {
  const { page } = await open();
  await button(page, "Regenerate").click();
  await page.getByText("2 of 2").waitFor();
  await chatPage(page).phase("done");
  const open_ = button(page, "Compare");
  await open_.press("Enter");
  const dialog = page.getByRole("dialog");
  const regions = dialog.getByRole("region");
  await expect.poll(() => regions.count()).toBe(2);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  expect(await open_.evaluate((element) => element === document.activeElement)).toBe(true);
  await open_.press("Enter");
  await dialog.getByLabel("Temperature").press("Enter");
  await expect.poll(() => dialog.getByLabel("Compare with").locator("option").count()).toBe(2);
  await expect.poll(() => regions.getByRole("button", { name: "Keep this one" }).count()).toBe(2);
  await dialog.getByLabel("Compare with").selectOption({ index: 0 });
  await regions.last().getByRole("button", { name: "Keep this one" }).press("Enter");
  await page.getByText("1 of 3").waitFor();
  await expect.poll(() => open_.evaluate((element) => element === document.activeElement)).toBe(true);
});

it("is accessible and fits in windows of any width", async () => {
  const { page } = await open({ viewport: { width: 390, height: 800 }, hasTouch: true });
  await button(page, "Compare").click();
  await page.getByRole("button", { name: "Ask for another answer" }).click();
  await expect.poll(() => button(page, "Keep this one").count()).toBe(2);
  const { right } = await page
    .getByRole("region")
    .last()
    .evaluate((element) => element.getBoundingClientRect());
  expect(right).toBeLessThanOrEqual(390);
  expect(await problemsInLooks(page, [390, 768, 1_200])).toEqual([]);
});
