// Shows errors on the page: what failed, what to do, and how long to wait.
import { expect, it } from "vitest";
import { spawnFakeWorker, spawnGuardedWorker } from "../../support/daemon.ts";
import { visit } from "../support/browser.ts";
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
});
