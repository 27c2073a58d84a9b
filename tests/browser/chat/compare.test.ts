// Shows two answers to a message side by side: one requests another answer with another model, temperature or thinking, and keeps one of both.
import type { ModelStatus } from "@waggle/protocol";
import { afterEach, beforeAll, expect, it } from "vitest";
import { visit, type Watched } from "../support/browser.ts";
import { button, chatPage, say } from "../support/chat-page.ts";
import { openModelWorker, severalModels, statusesOf, type ModelWorker } from "../support/model-worker.ts";
import { sharedWorker, useBrowser } from "../support/use-browser.ts";

const browser = useBrowser();
let fakeUrl: string;
let worker: ModelWorker;
beforeAll(async () => void (fakeUrl = (await sharedWorker()).url));
afterEach(async () => await worker[Symbol.asyncDispose]());

const { small, large, vectors } = severalModels();
const thinker: ModelStatus =
  small.chat === undefined ? large : { ...large, chat: { ...small.chat, thinking: "switchable" } };

async function open(): Promise<Watched> {
  worker = await openModelWorker(fakeUrl, statusesOf([small, thinker, vectors]));
  const visited = await visit(browser, worker.url);
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
  await expect.poll(() => button(page, "Compare").evaluate((it) => it === document.activeElement)).toBe(true);
  await page.reload();
  await page.locator(".answer").getByText("temperature 0.2").waitFor();
  await page.getByText("2 of 2").waitFor();
  await say(chatPage(page), "And wasps? [eog:3]");
  expect(worker.jobs.at(-1)).toMatchObject({ model: "bee-small" });
  expect(worker.jobs.at(-1)).not.toHaveProperty("temperature");
  expect(complaints).toEqual([]);
});
