// Shows errors on the page: what failed, what to do, and how long to wait.
import { expect, it } from "vitest";
import { spawnFakeWorker, spawnGuardedWorker } from "../../support/daemon.ts";
import { openTab, visit } from "../support/browser.ts";
import { chatPage } from "../support/chat-page.ts";
import { useBrowser } from "../support/use-browser.ts";

const token = "a-token-of-the-tests-1234";
const browser = useBrowser({ daemons: "each test" });

it("counts down until a used-up quota allows requests again", async () => {
  const { url } = await spawnGuardedWorker(`${token} requests-per-minute=1`);
  const { page } = await visit(browser, url);
  await page.getByLabel("API token", { exact: true }).fill(token);
  await page.getByRole("button", { name: "Continue" }).click();
  const chat = chatPage(page);
  await chat.send("one [eog:2]");
  await chat.phase("done");
  await chat.send("two [eog:2]");
  await chat.phase("broken");
  await chat.lastAnswer.getByText("Your quota is used up: requests per minute").waitFor();
  const timer = chat.lastAnswer.getByRole("timer");
  const seconds = async (): Promise<number> => Number(/\d+/.exec(await timer.innerText())?.[0]);
  const first = await seconds();
  expect(first).toBeGreaterThan(2);
  await page.waitForFunction(
    (before) => Number(/\d+/.exec(document.querySelector("[role=timer]")?.textContent ?? "")?.[0]) < before,
    first,
  );
});

it("shows what to do about a message that is too long, with the server's message in the details", async () => {
  const worker = await spawnFakeWorker(["--context-size", "256"]);
  const { page } = await visit(browser, worker.url);
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
  const { url } = await spawnFakeWorker();
  const { page, context } = await visit(browser, url);
  const chat = chatPage(page);
  let busy = true;
  let retryAfter = "2";
  const refused: string[] = [];
  await context.route("**/v1/jobs", async (route) => {
    if (!busy) return await route.continue();
    refused.push((route.request().postDataJSON() as { readonly job_id: string }).job_id);
    const error = { code: "resource_exhausted", message: "Cannot accept the job: the queue is full (4)." };
    return await route.fulfill({ status: 429, headers: { "retry-after": retryAfter }, json: { error } });
  });
  await chat.send("Hello [eog:2]");
  await chat.lastAnswer.getByText("Tries again in").waitFor();
  expect(await page.getByRole("alert").count()).toBe(0);
  const { page: other } = await openTab(context, page.url());
  await other.getByRole("button", { name: "Hello [eog:2]", exact: true }).click();
  await other.getByText(/Try again in|You can try again now/).waitFor();
  await expect.poll(() => refused.length, { timeout: 20_000 }).toBe(3);
  busy = false;
  await chat.phase("done");
  await chatPage(other).phase("done");
  expect(new Set(refused).size).toBe(3);
  busy = true;
  // On a slow machine a button that goes after two seconds cannot be pressed.
  retryAfter = "60";
  await chat.send("Again [eog:2]");
  await page.getByRole("button", { name: "Stop trying" }).click();
  await page.getByRole("button", { name: "Retry" }).waitFor();
  busy = false;
  await page.getByRole("button", { name: "Retry" }).click();
  await chat.phase("done");
});
