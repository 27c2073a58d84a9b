// Shows errors on the page: what failed, what to do, and how long to wait.
import { beforeAll, expect, it } from "vitest";
import { openTab, visit } from "../support/browser.ts";
import { chatPage } from "../support/chat-page.ts";
import { sharedWorker, useBrowser } from "../support/use-browser.ts";

const browser = useBrowser();
let url: string;
beforeAll(async () => void (url = (await sharedWorker()).url));

it("shows what to do about a message that is too long, with the server's message in the details", async () => {
  const { page } = await visit(browser, (await sharedWorker("--context-size", "256")).url);
  const chat = chatPage(page);
  await chat.send("too long ".repeat(100));
  await chat.phase("broken");
  await chat.lastAnswer.getByText("The message is too long for the model").waitFor();
  expect(await page.getByRole("alert").innerText()).toContain("the context holds 256");
  const words = chat.lastAnswer.getByText(/^invalid_argument: Cannot accept the prompt/);
  expect(await words.isVisible()).toBe(false);
  await chat.lastAnswer.getByText("Details").click();
  await words.waitFor();
  // A retry cannot help.
  expect(await chat.lastAnswer.getByRole("button", { name: "Retry" }).count()).toBe(0);
  await chat.lastAnswer.getByRole("button", { name: "Edit message" }).click();
  await page.getByRole("textbox", { name: "Edit the message" }).fill("Short. [eog:2]");
  await page.keyboard.press("Enter");
  await chat.phase("done");
});

it("tries again by itself when a busy server allows it, in the tab that sent the message", async () => {
  const { page, context } = await visit(browser, url);
  await page.clock.install();
  const chat = chatPage(page);
  let busy = true;
  const refused: string[] = [];
  await context.route("**/v1/jobs", async (route) => {
    if (!busy) return await route.continue();
    refused.push((route.request().postDataJSON() as { readonly job_id: string }).job_id);
    const error = { code: "resource_exhausted", message: "Cannot accept the job: the queue is full (4)." };
    return await route.fulfill({ status: 429, headers: { "retry-after": "60" }, json: { error } });
  });
  await chat.send("Hello [eog:2]");
  await chat.lastAnswer.getByText("Tries again in").waitFor();
  const timer = chat.lastAnswer.getByRole("timer");
  await timer.filter({ hasText: /\b[3-6]\d s/ }).waitFor();
  await page.clock.fastForward(31_000);
  await timer.filter({ hasText: /\b[12]?\d s/ }).waitFor();
  expect(await page.getByRole("alert").count()).toBe(0);
  const { page: other } = await openTab(context, page.url());
  await other.getByRole("button", { name: "Hello [eog:2]", exact: true }).click();
  await other.getByText(/Try again in|You can try again now/).waitFor();
  for (const tries of [2, 3]) {
    await page.clock.fastForward(61_000);
    await expect.poll(() => refused.length).toBe(tries);
    await chat.lastAnswer.getByText("Tries again in").waitFor();
  }
  busy = false;
  await page.clock.fastForward(61_000);
  await chat.phase("done");
  await chatPage(other).phase("done");
  expect(new Set(refused).size).toBe(3);
  busy = true;
  await chat.send("Again [eog:2]");
  await page.getByRole("button", { name: "Stop trying" }).click();
  await page.getByRole("button", { name: "Retry" }).waitFor();
  busy = false;
  await page.getByRole("button", { name: "Retry" }).click();
  await chat.phase("done");
});
