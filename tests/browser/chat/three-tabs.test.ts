// Shows that three tabs lose no shown text when the worker is killed and restarted twice while it streams.
import { poll } from "@waggle/testing/harness";
import { expect, it } from "vitest";
import { spawnFakeWorker } from "../../support/daemon.ts";
import { openTab, visit } from "../support/browser.ts";
import { chatPage } from "../support/chat-page.ts";
import { useBrowser } from "../support/use-browser.ts";

const browser = useBrowser();

const restarted = "The worker was restarted during the answer. The text shown is all that arrived.";

it("loses no shown text when the worker of three tabs is killed twice", async () => {
  const slow = ["--fake-step-delay", "30ms"];
  let worker = await spawnFakeWorker(slow);
  const port = new URL(worker.url).port;
  const first = await visit(browser, worker.url);
  const a = chatPage(first.page);
  await a.send("tell me everything");
  await a.phase("streaming");
  const b = chatPage((await openTab(first.context, first.page.url())).page);
  const c = chatPage((await openTab(first.context, worker.url)).page);
  await c.send("tell me something else");
  await Promise.all([b.phase("streaming"), c.phase("streaming")]);
  const tabs = [a, b, c];

  for (let deaths = 1; deaths <= 2; deaths++) {
    const before = await Promise.all(tabs.map(async (tab) => await tab.text()));
    await poll("more text in all tabs", async () => {
      const now = await Promise.all(tabs.map(async (tab) => await tab.text()));
      return now.every((text, i) => text.length > (before[i]?.length ?? 0) + 20);
    });
    worker.signal("SIGKILL");
    await worker.exited;
    await Promise.all(tabs.map(async ({ page }) => await page.getByText("Reconnecting…").waitFor()));
    const shown = await Promise.all(tabs.map(async (tab) => await tab.text()));
    worker = await spawnFakeWorker([...slow, "--port", port]);
    await Promise.all(tabs.map(async ({ page }) => await page.getByText(restarted).waitFor()));
    await expectAll(shown);
    await Promise.all(tabs.map(async ({ page }) => await page.reload()));
    await Promise.all(tabs.map(async ({ page }) => await page.getByText(restarted).waitFor()));
    await expectAll(shown);
    // Two tabs show the same conversation: the second one follows the first.
    await a.page.getByRole("button", { name: "Continue" }).click();
    await c.page.getByRole("button", { name: "Continue" }).click();
    await Promise.all(tabs.map(async (tab) => await tab.phase("streaming")));
    await expectAll(shown);
  }
  const answers = await Promise.all(tabs.map(async (tab) => await tab.text()));
  await Promise.all([a.stop(), c.stop()]);
  await Promise.all(tabs.map(async (tab) => await tab.phase("stopped")));
  await Promise.all(tabs.map(async ({ page }) => await page.reload()));
  await Promise.all(tabs.map(async (tab) => await tab.phase("stopped")));
  await expectAll(answers);

  async function expectAll(shown: readonly string[]): Promise<void> {
    for (const [i, tab] of tabs.entries()) {
      const text = await tab.text();
      expect(text.startsWith(shown[i] ?? "nothing"), `tab ${i + 1} has "${text}", and had "${shown[i]}"`).toBe(true);
    }
  }
});
