// Shows the chat in a real browser, served by a real worker.
import { openProxy } from "@waggle/testing/harness";
import { describe, expect, it } from "vitest";
import { spawnDaemon } from "../../support/daemon.ts";
import { visit } from "../support/browser.ts";
import { chatPage } from "../support/chat-page.ts";
import { sharedWorker, useBrowser } from "../support/use-browser.ts";

const browser = useBrowser({ daemons: "each test" });

/** Steps slow enough to observe an answer while it streams. */
const slow = ["--fake-step-delay", "30ms", "--prefill-budget", "16"];

describe("an answer", () => {
  it("shows the progress of the prompt until the first token, then streams with its figures", async () => {
    const worker = await sharedWorker(...slow);
    await using proxy = await openProxy(worker.url);
    const { page, complaints } = await visit(browser, proxy.url);
    const chat = chatPage(page);
    // Held streams show each phase until the test has seen it, however slow the machine is.
    proxy.hold('"prompt_progress"');
    await chat.send(`${"A long prompt takes its time. ".repeat(20)} [eog:30]`);
    const reading = page.getByText(/Reading the conversation \(\d+ %\)…/);
    await reading.waitFor();
    // A rate is shown once tokens have come for half a second.
    proxy.hold("id: 20\n");
    await chat.phase("streaming");
    expect(await reading.count()).toBe(0);
    expect(await chat.text()).not.toBe("");
    await chat.showNumbers();
    await chat.lastAnswer.getByText(/tokens\/s/).waitFor();
    await chat.lastAnswer.getByText(/first token after/).waitFor();
    proxy.release();
    await chat.phase("done");
    await chat.lastAnswer.getByText(/^31 tokens · .* tokens\/s · first token after/).waitFor();
    expect(complaints).toEqual([]);
  });

  it("shows that the model is still loading", async () => {
    const flags = [
      "--local-mode",
      "--port",
      "0",
      "--backend",
      "fake",
      "--fake-load-delay",
      "1h",
      "--load-timeout",
      "1h",
    ];
    const worker = await spawnDaemon("worker", flags);
    const { page, complaints } = await visit(browser, worker.url);
    const chat = chatPage(page);
    await chat.send("hello [eog:5]");
    await chat.lastAnswer.getByText("Loading the model…").waitFor();
    await page.locator("header").getByText("loading", { exact: true }).waitFor();
    await chat.stop();
    await chat.phase("stopped");
    expect(complaints).toEqual([]);
  });
});
