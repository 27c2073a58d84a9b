// Shows how an answer streams, and that it survives failures of connections, pages and workers, or ends with an error on the page.
import { createGate, openProxy, poll } from "@waggle/testing/harness";
import { expect, it } from "vitest";
import { spawnFakeWorker } from "../../support/daemon.ts";
import { visit } from "../support/browser.ts";
import { chatPage } from "../support/chat-page.ts";
import { sharedWorker, useBrowser } from "../support/use-browser.ts";

const browser = useBrowser({ daemons: "each test" });

/** `[eog:60]` ends an answer with its 61st token, the end token without text. */
const slow = ["--fake-step-delay", "30ms", "--prefill-budget", "16"];
/** Part of an answer's fourth token event: a stream that is held there stays in the phase streaming, however slow the machine is. */
const fourthToken = "id: 3\n";

/** The whole answer, as the worker stores it for replay. */
async function replayed(url: string, streamPath: string): Promise<string> {
  const response = await fetch(url + streamPath, { headers: { accept: "application/x-ndjson" } });
  const events = (await response.text()).split("\n").filter((line) => line !== "");
  return events.map((line) => (JSON.parse(line) as { text?: string }).text ?? "").join("");
}

async function streamsOpen(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return Number(/^waggle_streams_open (\d+)/m.exec(metrics)?.[1]);
}

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

it("resumes the stream after a reload of the page, without lost or repeated words", async () => {
  const worker = await sharedWorker(...slow);
  await using proxy = await openProxy(worker.url);
  const { page, complaints } = await visit(browser, proxy.url);
  const chat = chatPage(page);
  const opened = page.waitForRequest((request) => request.url().endsWith("/stream"));
  proxy.hold(fourthToken);
  await chat.send("tell me more [eog:80]");
  const streamPath = new URL((await opened).url()).pathname;
  await chat.phase("streaming");
  const resumed = page.waitForRequest((request) => request.url().endsWith("/stream"));
  await page.reload();
  expect(new URL((await resumed).url()).pathname).toBe(streamPath);
  proxy.release();
  await page.locator(".bubble").waitFor();
  expect(await page.locator(".bubble").count()).toBe(1);
  await chat.phase("done");
  expect(await chat.text()).toBe((await replayed(worker.url, streamPath)).trim());
  expect(complaints).toEqual([]);
});

it("shows a notice when the connection is lost, and resumes after the last token", async () => {
  const worker = await sharedWorker(...slow);
  await using proxy = await openProxy(worker.url);
  const { page } = await visit(browser, proxy.url);
  const chat = chatPage(page);
  const opened = page.waitForRequest((request) => request.url().endsWith("/stream"));
  proxy.hold(fourthToken);
  await chat.send("tell me more [eog:120]");
  const streamPath = new URL((await opened).url()).pathname;
  await chat.phase("streaming");
  proxy.refuse = true;
  proxy.cut();
  proxy.release();
  await page.getByText("Reconnecting…").waitFor();
  const resumed = page.waitForRequest((request) => request.url().endsWith("/stream"));
  proxy.refuse = false;
  const headers = await (await resumed).allHeaders();
  expect(Number(headers["last-event-id"])).toBeGreaterThanOrEqual(0);
  await chat.phase("done");
  expect(await page.getByText("Reconnecting…").count()).toBe(0);
  expect(await chat.text()).toBe((await replayed(worker.url, streamPath)).trim());
});

it("shows an answer as broken when its worker is killed, and continues it when the worker runs again", async () => {
  const worker = await spawnFakeWorker(slow);
  const { page } = await visit(browser, worker.url);
  const chat = chatPage(page);
  // Longer than the first worker lives; the second one has no delay.
  await chat.send("tell me more [eog:2000]");
  await chat.phase("streaming");
  worker.signal("SIGKILL");
  await page.getByText("Reconnecting…").waitFor();
  await page.getByText(/^Next try in [1-4] s$/).waitFor();
  const before = await chat.text();
  await chat.phase("broken");
  await page.getByText("The worker does not answer", { exact: true }).waitFor();
  expect(await chat.text()).toContain(before);
  await spawnFakeWorker(["--port", new URL(worker.url).port]);
  await page.getByRole("button", { name: "Retry" }).click();
  await page.getByText("The worker was restarted during the answer. The text shown is all that arrived.").waitFor();
  expect(await chat.text()).toContain(before);
  await page.reload();
  await page.getByText("The worker was restarted during the answer.").waitFor();
  expect(await chat.text()).toContain(before);
  await page.getByRole("button", { name: "Continue" }).click();
  await chat.phase("done");
  expect(await chat.text()).toContain(before);
  expect((await chat.text()).length).toBeGreaterThan(before.length);
  await chat.lastAnswer.getByText("continued").waitFor();
  expect(await page.getByRole("alert").count()).toBe(0);
  expect(await chat.answers.count()).toBe(1);
});

it("continues the previous answer when a message is refused", async () => {
  using gate = await createGate();
  const worker = await spawnFakeWorker([...gate.flags, "--slots", "1", "--context-size", "512"]);
  const { page } = await visit(browser, worker.url);
  const chat = chatPage(page);
  await chat.send("tell me more");
  gate.step(20);
  await chat.phase("streaming");
  await chat.send("too long ".repeat(100));
  await chat.phase("broken");
  expect(await page.getByRole("alert").innerText()).toContain("512");
  const answer = page.locator(".answer").first();
  const length = (await answer.innerText()).length;
  gate.step(100);
  await poll("more text", async () => (await answer.innerText()).length > length);
  await page.keyboard.press("Escape");
});

it("has at most one long-lived connection in a tab, also while two answers stream", async () => {
  const worker = await sharedWorker(...slow);
  await using proxy = await openProxy(worker.url);
  const { page } = await visit(browser, proxy.url);
  const chat = chatPage(page);
  proxy.hold(fourthToken);
  await chat.send("one [eog:120]");
  await chat.phase("streaming");
  await page.getByRole("button", { name: "New conversation" }).click();
  await chat.send("two [eog:60]");
  await chat.phase("streaming");
  for (let i = 0; i < 10; i++) expect(await streamsOpen(worker.url)).toBeLessThanOrEqual(1);
  proxy.release();
  await chat.phase("done");
  await page.getByRole("button", { name: "one [eog:120]", exact: true }).click();
  await chat.phase("done");
  await chat.showNumbers();
  await chat.lastAnswer.getByText(/^121 tokens/).waitFor();
});
