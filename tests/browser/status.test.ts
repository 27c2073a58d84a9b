// Shows the status page: jobs and their cancelling, the log, figures, and an offline worker.
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createProcessGroups, startNats } from "@waggle/testing/harness";
import { JobListSchema, ModelStatusesSchema, WorkerInfoSchema } from "@waggle/protocol";
import { needs } from "@waggle/testing";
import type { Page } from "playwright-core";
import { beforeAll, describe, expect, it } from "vitest";
import { spawnDaemon, spawnFakeWorker } from "../support/daemon.ts";
import { openTab, visit } from "./support/browser.ts";
import { makeDay } from "./support/made-day.ts";
import { pageProblems, problemsInLooks } from "./support/page-problems.ts";
import { useBrowser } from "./support/use-browser.ts";

const slow = ["--fake-step-delay", "100ms", "--slots", "1"];
const browser = useBrowser();
let folder: string;
/** The worker of several tests. It has no jobs before the first test, so the order of the tests matters. */
let worker: Awaited<ReturnType<typeof spawnFakeWorker>>;
beforeAll(async () => {
  worker = await spawnFakeWorker(slow);
  folder = await mkdtemp(join(tmpdir(), "waggle-status-"));
});

async function submit(url: string, body: object, token?: string): Promise<void> {
  const response = await fetch(`${url}/v1/jobs`, {
    method: "POST",
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    body: JSON.stringify({ prompt: "tell me more [eog:4000]", on_disconnect: "continue", max_tokens: 4_000, ...body }),
  });
  expect(response.status).toBe(202);
}

async function giveToken(page: Page, token: string): Promise<void> {
  await page.locator("input[name=token]").fill(token);
  await page.getByRole("button", { name: "Continue" }).click();
}

declare global {
  interface Window {
    /** Time labels of a chart, for each time that it is drawn. */
    labels: string[][];
  }
}

function recordLabels(): void {
  const { clearRect, fillText } = CanvasRenderingContext2D.prototype;
  window.labels = [];
  Object.assign(CanvasRenderingContext2D.prototype, {
    clearRect(this: CanvasRenderingContext2D, ...box: Parameters<typeof clearRect>) {
      window.labels.push([]);
      clearRect.apply(this, box);
    },
    fillText(this: CanvasRenderingContext2D, ...text: Parameters<typeof fillText>) {
      if (/^\d\d:\d\d:\d\d$/.test(text[0])) window.labels.at(-1)?.push(text[0]);
      fillText.apply(this, text);
    },
  });
}

it("has no chart of jobs and no time axis before the first job", async () => {
  const { url } = worker;
  const { page, complaints } = await visit(browser, `${url}/status`);
  await page.getByText("0 of 1 busy").waitFor();
  const quiet = page.locator(".chart").getByText("No requests yet");
  await quiet.nth(4).waitFor();
  await page.getByRole("button", { name: "Show 3 more charts" }).press("Enter");
  // Only the machine has figures without a job.
  await page.locator("[data-chart=CPU] canvas").waitFor();
  expect(await quiet.count()).toBe(8);
  expect(await page.locator("canvas").count()).toBe(1);
  await page.getByText("No jobs are running or waiting.").waitFor();
  await page.getByText("0 of 8,192 tokens").waitFor();
  for (const name of ["What happened", "Engine and cache", "Models", "Log"])
    await page.getByRole("heading", { name, exact: true }).waitFor();
  expect(complaints).toEqual([]);
});

it("shows how a prompt is read, how many guesses were right, and the running batches", async () => {
  const { page, complaints } = await visit(browser, "about:blank");
  const prompt_pieces = [{ context: 1_000, tokens: 64, step_ms: 120, slowdown: 1.2 }];
  await page.route("**/v1/info", async (route) => {
    const response = await route.fetch();
    const info = WorkerInfoSchema.parse(await response.json());
    await route.fulfill({ response, json: { ...info, prompt_pieces } });
  });
  await page.route("**/metrics*", async (route) => {
    const response = await route.fetch();
    const counts = (await response.text())
      .replace(/^(waggle_guessed_tokens_total\{.*\}) 0$/m, "$1 40")
      .replace(/^(waggle_guesses_right_total\{.*\}) 0$/m, "$1 30");
    await route.fulfill({ response, body: counts });
  });
  const running = { status: "in_progress", paused: false, lines_per_second: 12, estimated_completed_at: null };
  const data = [{ ...running, request_counts: { total: 1_000, completed: 440, failed: 10 } }];
  await page.route("**/v1/batches?*", (route) => route.fulfill({ json: { data } }));
  await page.goto(`${worker.url}/status`);
  await page.getByText("450 of 1,000 lines · 12 lines/s").waitFor();
  await page.getByText("a prompt behind 1,000 tokens is read in pieces of 64 tokens, 120 ms each").waitFor();
  await page.getByText("30 of 40 (75 %)").waitFor();
  await page.setViewportSize({ width: 390, height: 800 });
  // The charts change their widths with the next frame.
  await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  expect(await pageProblems(page)).toEqual([]);
  expect(complaints).toEqual([]);
});

it("lists running and waiting jobs, and cancels one after a confirmation", async () => {
  const { url } = worker;
  await submit(url, { job_id: "long-story", session_id: "evening" });
  await submit(url, { job_id: "next-story" });
  const { page, complaints } = await visit(browser, `${url}/status`);
  const running = page.locator("[data-job=long-story]");
  await running.getByText("writing").waitFor();
  await running.getByText("session evening").waitFor();
  await page.locator("[data-job=next-story]").getByText("waiting, next").waitFor();
  await page.getByText("1 running, 1 waiting").waitFor();
  // The charts are drawn.
  await page.locator(".chart canvas").first().waitFor();

  const first = page.getByRole("button", { name: "Cancel job long-story" });
  await first.click();
  await running.getByRole("button", { name: "Yes, cancel" }).waitFor();
  expect(await problemsInLooks(page)).toEqual([]);
  await running.getByRole("button", { name: "No" }).click();
  await first.click();
  await running.getByRole("button", { name: "Yes, cancel" }).click();
  await running.waitFor({ state: "detached" });
  expect(await (await fetch(`${url}/v1/jobs/long-story`)).json()).toMatchObject({ state: "cancelled" });
  await page.locator("[data-job=next-story]").getByText("writing").waitFor();
  await page.locator("[data-chart=Errors]").getByText("No errors in this time").waitFor();
  await fetch(`${url}/v1/jobs/next-story`, { method: "DELETE" });
  expect(complaints).toEqual([]);
});

it("begins with what happened before the page was opened", async () => {
  const { url } = await spawnFakeWorker(["--fake-step-delay", "20ms"]);
  const body = JSON.stringify({ job_id: "early", prompt: "busy", max_tokens: 5 });
  expect(await (await fetch(`${url}/v1/inference`, { method: "POST", body })).text()).toContain("[DONE]");
  const { page, complaints } = await visit(browser, `${url}/status`);
  const legend = (title: string) => page.locator(`[data-chart='${title}'] .chart-legend`);
  await legend("First token")
    .getByText(/^p50 \d/)
    .waitFor();
  // Not by mouse, which would then point at a chart.
  await page.getByRole("button", { name: "Show 3 more charts" }).press("Enter");
  await legend("Forward pass")
    .getByText(/^p95 \d/)
    .waitFor();

  const ended = page.locator("[data-ended=early]");
  await ended.getByText("token limit", { exact: true }).waitFor();
  const shares = await ended
    .locator(".phase-bar [data-phase]")
    .evaluateAll((parts) => parts.map((part) => Number.parseFloat((part as HTMLElement).style.width)));
  const list = JobListSchema.parse(await (await fetch(`${url}/v1/jobs?ended`)).json());
  const { waiting_ms = 0, reading_ms = 0, writing_ms = 0 } = list.ended?.[0] ?? {};
  const percents = [waiting_ms, reading_ms, writing_ms].map(
    (ms) => (100 * ms) / (waiting_ms + reading_ms + writing_ms),
  );
  expect(shares.map(Math.round)).toEqual(percents.map(Math.round));
  expect(await pageProblems(page)).toEqual([]);
  expect(complaints).toEqual([]);
});

it("has at most 3,000 px with many ended jobs and failed models, and shows an hour of the day on disk, with the values at a time", async () => {
  const slowHour = makeDay(join(folder, "waggle"), "bee");
  const busy = ["--worker-id", "bee", "--history-size", "64MiB", "--slots", "8", "--fake-step-delay", "100ms"];
  const { url } = await spawnFakeWorker(busy, { env: { XDG_STATE_HOME: folder } });
  for (let i = 0; i < 4; i++) await submit(url, {});
  const { page, complaints } = await visit(browser, "about:blank");
  await page.route("**/v1/models/status", async (route) => {
    const statuses = ModelStatusesSchema.parse(await (await route.fetch()).json());
    const others = ["failed", "unloaded"].map((state) => {
      const other = { default: false, slots: undefined, name: `qwen3-${state}`, state, reason: "No memory." };
      return { ...statuses.models[0], ...other };
    });
    await route.fulfill({ json: { ...statuses, models: [...statuses.models, ...others] } });
  });
  await page.goto(`${url}/status`);
  await page.locator("[data-ended]").nth(7).waitFor();
  await page.locator("[data-problem=qwen3-failed]").getByText("qwen3-failed failed: No memory.").waitFor();
  await page.locator(".chart canvas").nth(3).waitFor();
  for (const [width, most] of [
    [1_200, 3_000],
    [768, 3_000],
    [390, 5_000],
  ] as const) {
    await page.setViewportSize({ width, height: 800 });
    await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    expect(await page.evaluate(() => document.documentElement.scrollHeight)).toBeLessThan(most);
  }
  expect(await pageProblems(page)).toEqual([]);

  await page.getByLabel("Time shown").selectOption(slowHour);
  const chart = (title: string) => page.locator(`[data-chart='${title}']`);
  await chart("Throughput")
    .locator(".u-over")
    .hover({ position: { x: 1, y: 20 } });
  await chart("Throughput").getByText("answers 12").waitFor();
  await chart("First token").getByText("p50 7,000").waitFor();
  await chart("Slots and queue").getByText("waiting 14").waitFor();
  await page.getByRole("heading", { name: /^\d\d:\d\d to \d\d:\d\d at \d\d:\d\d:\d\d$/ }).waitFor();
  const restart = page.getByText("The engine of waggle-fake is restarted: a step took 31 s. 3 answers continue.");
  await restart.waitFor();
  await page.locator("[data-ended]").nth(7).waitFor();
  const quietHour = slowHour.split("-").map((time) => Number(time) - 6 * 3_600_000);
  await page.getByLabel("Time shown").selectOption(quietHour.join("-"));
  await page.getByText("No job ended in this time.").waitFor();
  await restart.waitFor({ state: "detached" });
  await page.getByLabel("Time shown").selectOption("Last hour");
  await page.locator("[data-ended]").nth(7).waitFor();
  expect(complaints).toEqual([]);
});

it("shows how full the context pool is, and the jobs that are parked", async () => {
  const pool = ["--slots", "2", "--context-size", "4096", "--context-pool", "4400", "--fake-step-delay", "10ms"];
  const { url } = await spawnFakeWorker(pool);
  // A prompt of about 1,900 tokens: the pool is full after 300 steps.
  const prompt = `tell me more ${"x".repeat(1_880)} [eog:4000]`;
  for (const name of ["first-story", "second-story"]) await submit(url, { job_id: name, prompt });
  const { page, complaints } = await visit(browser, `${url}/status`);
  await page.locator(".slot[data-state=parked]").getByText("parked").waitFor();
  await page.getByText("2 of 2 busy, 1 parked").waitFor();
  await page.getByText("A parked job continues when the context pool has room for it.").waitFor();
  const meter = page.getByRole("meter", { name: "Context pool used" });
  expect(Number(await meter.getAttribute("max"))).toBe(4_400);
  expect(Number(await meter.getAttribute("value"))).toBeGreaterThan(1_900);
  await page.getByText(/^[\d,]+ of 4,400 tokens$/).waitFor();
  expect(await pageProblems(page)).toEqual([]);
  expect(complaints).toEqual([]);
});

it("shows each time label once under a chart with few points", async () => {
  const { url } = worker;
  await submit(url, { job_id: "ticking" });
  // Charts this wide have space for a label each half second, which would show each second twice.
  const context = await browser.newContext({ viewport: { width: 520, height: 900 } });
  await context.addInitScript(recordLabels);
  const { page } = await openTab(context, `${url}/status`);
  // A short chart: the first drawing with more than two labels.
  const drawn = await page.waitForFunction(() => {
    const [times] = window.labels.filter((labels) => labels.length > 2);
    return times;
  });
  const labels = (await drawn.jsonValue()) ?? [];
  expect(labels).toEqual([...new Set(labels)]);
  await fetch(`${url}/v1/jobs/ticking`, { method: "DELETE" });
});

it("shows the log, filters it, and pauses it", async () => {
  const { url } = worker;
  const { page } = await visit(browser, `${url}/status`);
  const lines = page.getByLabel("Log lines, oldest first");
  await lines.getByText("worker_state").first().waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  await submit(url, { job_id: "j" });
  await page.locator("[data-job=j]").waitFor();
  expect(await lines.getByText("job=j ").count()).toBe(0);
  await page.getByRole("button", { name: "Paused" }).click();
  await lines.getByText("job=j ").first().waitFor();
  await page.getByLabel("Filter the log").fill("job=j ");
  await lines.getByText("worker_state").first().waitFor({ state: "detached" });
  expect(await lines.locator("li").filter({ hasNotText: "job=j " }).count()).toBe(0);
  await page.getByLabel("Minimum level").selectOption("error");
  await page.getByText("No line matches.").waitFor();
});

it("says since when a worker is offline that answered a part of the first requests", async () => {
  const { page } = await visit(browser, "about:blank");
  await page.route("**/v1/logs*", async (route) => await route.abort());
  await page.goto(`${worker.url}/status`);
  await page.getByRole("alert").filter({ hasText: "Disconnected since" }).waitFor();
});

it("shows that the worker is offline, and reconnects when it returns", async () => {
  await fetch(`${worker.url}/v1/jobs/j`, { method: "DELETE" });
  await submit(worker.url, { job_id: "last" });
  const { page } = await visit(browser, `${worker.url}/status`, { viewport: { width: 390, height: 800 } });
  await page.locator("[data-job=last]").getByText("writing").waitFor();
  await page.locator(".chart canvas").first().waitFor();
  worker.signal("SIGKILL");
  await worker.exited;
  const notice = page.getByRole("alert").filter({ hasText: /Offline\. Disconnected since \d\d:\d\d:\d\d;/ });
  await notice.waitFor();
  await page.locator(".badge").filter({ hasText: "offline" }).waitFor();
  expect(await page.getByRole("button", { name: "Cancel job last" }).isDisabled()).toBe(true);
  expect(await problemsInLooks(page, [390])).toEqual([]);
  // The charts stay unchanged while the worker is offline.
  const plots = (): Promise<string[]> =>
    page.locator(".chart canvas").evaluateAll((all) => all.map((one) => (one as HTMLCanvasElement).toDataURL()));
  const before = await plots();
  await page.waitForEvent("requestfailed");
  await page.waitForEvent("requestfailed");
  expect(await plots()).toEqual(before);

  await spawnDaemon("worker", ["--local-mode", "--backend", "fake", "--port", new URL(worker.url).port]);
  await notice.waitFor({ state: "detached" });
  await page.getByText("No jobs are running or waiting.").waitFor();
  await page.getByLabel("Log lines, oldest first").getByText("listening").first().waitFor();
});

it("shows only the jobs and the log that a token may see", async () => {
  const tokens = join(folder, "tokens");
  await writeFile(tokens, "root:root-token admin\nalice:alice-token\nbob:bob-token\n", { mode: 0o600 });
  const args = ["--backend", "fake", "--port", "0", "--api-token-file", tokens, ...slow];
  const guarded = await spawnDaemon("worker", args);
  await guarded.line("ready");
  await submit(guarded.url, { job_id: "of-alice" }, "alice-token");
  await submit(guarded.url, { job_id: "of-bob" }, "bob-token");

  const plain = await visit(browser, `${guarded.url}/status`);
  await giveToken(plain.page, "bob-token");
  await plain.page.locator("[data-job=of-bob]").waitFor();
  await plain.page.getByText("Only an API token marked admin shows the log.").waitFor();
  expect(await plain.page.locator("[data-job]").count()).toBe(1);
  await fetch(`${guarded.url}/v1/jobs/of-bob`, { method: "DELETE", headers: { authorization: "Bearer bob-token" } });
  // Alice's job still runs, but is hidden.
  await plain.page.getByText("You have no jobs running or waiting.").waitFor();
  await submit(guarded.url, { job_id: "of-bob-again" }, "bob-token");

  const { page } = await visit(browser, `${guarded.url}/status`);
  await giveToken(page, "root-token");
  await page.getByLabel("Log lines, oldest first").getByText("listening").first().waitFor();
  const job = page.locator("[data-job=of-alice]");
  await job.getByText("alice", { exact: true }).waitFor();
  await page.locator("[data-job=of-bob-again]").getByText("bob", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Cancel job of-alice" }).click();
  await job.getByRole("button", { name: "Yes, cancel" }).click();
  await job.waitFor({ state: "detached" });
  // Only one client has jobs now, and the table still names the client.
  await page.locator("[data-job=of-bob-again]").getByText("bob", { exact: true }).waitFor();
  const ended = await fetch(`${guarded.url}/v1/jobs/of-alice`, { headers: { authorization: "Bearer alice-token" } });
  expect(await ended.json()).toMatchObject({ state: "cancelled", cancelled_by: "operator" });
});

describe("a gateway", needs("nats-server"), () => {
  it("shows the gateway's data, and no data or actions of its workers", async () => {
    await using nats = await startNats(createProcessGroups("nats"));
    const fleet = ["--nats-url", nats.url];
    await spawnFakeWorker([...fleet, ...slow]);
    const gateway = await spawnDaemon("gateway", ["--local-mode", "--port", "0", ...fleet]);
    const { page, complaints } = await visit(browser, `${gateway.url}/status`);
    await page.getByText("1 of 1 loaded").waitFor();
    for (const job_id of ["runs", "waits"]) await submit(gateway.url, { job_id });
    await page.getByText("1 running, 1 waiting").waitFor();
    await page
      .locator(".facts div")
      .filter({ hasText: "Oldest wait" })
      .getByText(/^\d+ s$/)
      .waitFor();
    await page.getByText("Gateway process").waitFor();
    await page.locator("[data-chart='Slots and queue']").waitFor();
    for (const absent of ["Batch width", "Forward pass", "KV cache", "CPU"])
      expect(await page.locator(`[data-chart='${absent}']`).count()).toBe(0);
    expect(await page.getByRole("heading", { name: "Engine and cache" }).count()).toBe(0);
    for (const absent of [/^Loaded models take/, "Worker process", "Free memory"])
      expect(await page.getByText(absent).count()).toBe(0);
    expect(await page.getByRole("button", { name: /^(Unload|Pin|Swap) |^Download$/ }).count()).toBe(0);
    await page.getByText("This is a gateway: load and download models at its workers.").waitFor();
    for (const job_id of ["waits", "runs"]) await fetch(`${gateway.url}/v1/jobs/${job_id}`, { method: "DELETE" });
    expect(complaints).toEqual([]);
  });
});
