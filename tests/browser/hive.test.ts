// Shows the hive's page with real workers that join, are late, leave and return.
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createProcessGroups, startNats } from "@waggle/testing/harness";
import type { HiveWorker } from "@waggle/protocol";
import { needs } from "@waggle/testing";
import { describe, expect, it } from "vitest";
import { spawnDaemon, spawnFakeWorker } from "../support/daemon.ts";
import { visit } from "./support/browser.ts";
import { addPastHour, pointAtOldest } from "./support/past-hour.ts";
import { pageProblems } from "./support/page-problems.ts";
import { useBrowser } from "./support/use-browser.ts";

const browser = useBrowser({ daemons: "each test" });

const quick = ["--heartbeat-interval", "500ms"];

it("asks for the token, and shows totals, clients and charts", async () => {
  const env = { WAGGLE_HIVE_TOKEN: "of-the-whole-fleet" };
  const hive = await spawnDaemon("hive", ["--port", "0"], { env });
  const worker = await spawnFakeWorker(["--hive-url", hive.url, "--worker-id", "bee-1", ...quick], { env });
  const { page, complaints } = await visit(browser, hive.url);
  await page.getByRole("textbox", { name: "API token" }).fill(env.WAGGLE_HIVE_TOKEN);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.locator("[data-worker=bee-1]").waitFor();
  expect(await page.getByRole("button", { name: "Faults" }).count()).toBe(0);

  const body = JSON.stringify({ prompt: "busy", max_tokens: 100 });
  expect(await (await fetch(`${worker.url}/v1/inference`, { method: "POST", body })).text()).toContain("[DONE]");
  await page.locator("[data-client=local]").waitFor();
  await page.locator("[data-total=Requests]").getByText("1", { exact: true }).waitFor();
  const chart = (name: string) => page.locator(`[data-chart='${name}']`);
  await chart("Between tokens")
    .getByText(/^p95 \d/)
    .waitFor();
  await addPastHour(page, {
    ...{ tokens_per_second: 345, running: 1, waiting: 7, accepted: 2, errors: 1 },
    ...{ cpu: { mean: 0.25, most: 0.75 }, ttft: { p50_ms: 678, p95_ms: 789, count: 1 } },
  });
  await page.reload();
  await page.getByRole("heading", { name: /^Last (59|60) minutes$/ }).waitFor();
  await page.getByRole("button", { name: "Show 1 more chart" }).click();
  // The page begins with the hive's history, and all charts share a cursor. The points of the past do not know the memory.
  await pointAtOldest(
    chart("CPU"),
    chart("CPU").getByText("busy 25"),
    chart("First token").getByText("p95 789"),
    chart("Requests").getByText("accepted 12"),
    chart("Memory").getByText("free –"),
    page.getByRole("heading", { name: /^Last \d+ minutes at \d\d:\d\d:\d\d$/ }),
  );
  // The browser logs each request that the hive refused.
  expect(complaints.filter((text) => !text.includes("401"))).toEqual([]);
});

it("drains and removes workers, and remembers that the table was chosen", async () => {
  const hive = await spawnDaemon("hive", ["--port", "0"]);
  const flags = (id: string): string[] => ["--hive-url", hive.url, "--worker-id", id, ...quick];
  const worker = await spawnFakeWorker(flags("bee-1"));
  const lost = await spawnFakeWorker(flags("bee-2"));
  const { page } = await visit(browser, hive.url);
  await page.getByRole("button", { name: "Table" }).click();
  lost.signal("SIGKILL");
  await page.reload();
  const row = page.locator("tr[data-worker=bee-1]");
  await page.getByRole("button", { name: "Drain bee-1" }).click();
  await row.getByText("The worker takes no more jobs and stops.").waitFor();
  const cut = (): Promise<number> =>
    row.locator(".confirm").evaluate((question) => {
      const window = question.closest(".table-scroll")?.getBoundingClientRect().right ?? 0;
      return question.getBoundingClientRect().right - window;
    });
  expect(await cut()).toBeLessThanOrEqual(0);
  await row.getByRole("button", { name: "Cancel" }).click();
  await page.setViewportSize({ width: 390, height: 800 });
  await page.getByRole("button", { name: "Drain bee-1" }).click();
  expect(await cut()).toBeLessThanOrEqual(0);
  // A new figure may make a column wider while the question is shown.
  await row
    .locator("td")
    .first()
    .evaluate((cell) => (cell.style.minWidth = `${cell.clientWidth + 40}px`));
  expect(await cut()).toBeLessThanOrEqual(0);
  // Enter right after the first click does not confirm the drain.
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Drain bee-1" }).click();
  await row.getByRole("button", { name: "Drain", exact: true }).click();
  expect((await worker.exited).code).toBe(0);
  await row.waitFor({ state: "detached" });

  const gone = page.locator("tr[data-worker=bee-2][data-liveness=gone]");
  await gone.getByRole("button", { name: "Remove bee-2" }).click();
  await gone.getByRole("button", { name: "Remove", exact: true }).click();
  await page.getByText("No workers.").waitFor();
  const badges = await page.locator(".events .badge").allInnerTexts();
  for (const text of ["is asked to drain", "left", "is offline", "was removed"]) expect(badges).toContain(text);
});

it("reports missing rights of a token, and accepts another token", async () => {
  const folder = await mkdtemp(join(tmpdir(), "waggle-"));
  const file = join(folder, "tokens");
  await writeFile(file, "worker:of-a-worker\nscreen:of-a-screen monitor\n");
  const hive = await spawnDaemon("hive", ["--port", "0", "--api-token-file", file]);
  const env = { WAGGLE_HIVE_TOKEN: "of-a-worker" };
  await spawnFakeWorker(["--hive-url", hive.url, "--worker-id", "bee-1", ...quick], { env });
  const { page } = await visit(browser, hive.url);
  await page.getByRole("textbox", { name: "API token" }).fill("of-a-worker");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText("the token is marked neither monitor nor admin").waitFor();
  await page.getByRole("button", { name: "Change API token" }).click();
  await page.getByRole("textbox", { name: "API token" }).fill("of-a-screen");
  await page.getByRole("button", { name: "Continue" }).click();
  const card = page.locator("[data-worker=bee-1]");
  await card.getByRole("button", { name: "Drain bee-1" }).click();
  await card.getByRole("button", { name: "Drain", exact: true }).click();
  await card.getByText("the token is not marked admin").waitFor();
});

it("keeps long names and a hundred offline workers within the page, also on a phone", async () => {
  const hive = await spawnDaemon("hive", ["--port", "0"]);
  const longest = "w".repeat(128);
  const worker = {
    url: "http://127.0.0.1:7701",
    model: "m".repeat(256),
    state: "ready",
    slots: { total: 8, busy: 0 },
    queue: { depth: 0, capacity: 64 },
    version: "0.1.0",
    models: ["l".repeat(200), "m"].map((name) => ({ name, state: "ready" })),
  };
  const tell = async (method: string, path: string, body: object): Promise<void> => {
    const response = await fetch(hive.url + path, { method, body: JSON.stringify({ ...worker, ...body }) });
    expect(response.ok).toBe(true);
  };
  const ids = Array.from({ length: 100 }, (_, i) => `gone-${i}`);
  for (const id of ids) await tell("PUT", `/v1/workers/${id}`, { worker_id: id, interval_ms: 50 });
  await tell("PUT", `/v1/workers/${longest}`, { worker_id: longest, interval_ms: 60_000 });
  const beat = { timestamp: new Date().toISOString(), health_status: "healthy", seq: 0, tokens_per_second: 100_000 };
  await tell("POST", "/v1/heartbeat", { worker_id: longest, ...beat });
  const { page } = await visit(browser, hive.url, { viewport: { width: 390, height: 800 } });
  const folded = page.getByText("100 workers are offline");
  await folded.waitFor();
  await page.locator("canvas").first().waitFor();
  expect(await pageProblems(page)).toEqual([]);
  expect(await page.locator("[data-worker=gone-7]").isVisible()).toBe(false);
  // A long name must not make the list of events overflow.
  const events = page.locator(".events");
  expect(await events.evaluate((list) => list.scrollWidth - list.clientWidth)).toBe(0);
  await folded.click();
  await page.locator("[data-worker=gone-7]").getByText("offline").waitFor();
  expect(await pageProblems(page)).toEqual([]);
  await page.getByRole("button", { name: "Table" }).click();
  await page.locator("tr[data-worker=gone-7]").waitFor();
  expect(await pageProblems(page)).toEqual([]);
});

it("switches faults on and off", async () => {
  const hive = await spawnDaemon("hive", ["--port", "0", "--faults"]);
  await spawnFakeWorker(["--hive-url", hive.url, "--worker-id", "bee-1", ...quick]);
  const { page } = await visit(browser, hive.url);
  await page.locator("[data-worker=bee-1]").waitFor();
  const workers = page.getByRole("button", { name: "Workers", exact: true });
  const faults = page.getByRole("button", { name: "Faults" });
  await faults.press("Enter");
  await page.getByRole("button", { name: "Faults", pressed: true }).waitFor();
  await page.getByRole("button", { name: "Refuse" }).click();
  await page.getByRole("button", { name: "Refuse", pressed: true }).waitFor();
  await workers.click();
  // It is late for a second, and then offline.
  await page.locator("[data-worker=bee-1]:not([data-liveness=alive])").waitFor();
  await faults.click();
  await page.getByRole("button", { name: "Behave" }).click();
  await workers.click();
  await page.locator("[data-worker=bee-1][data-liveness=alive]").waitFor();
  await faults.click();
  await page.getByRole("button", { name: "Forget" }).click();
  await workers.click();
  await page.locator(".events").getByText("was forgotten").waitFor();
  await page.locator("[data-worker=bee-1][data-liveness=alive]").waitFor();
  await faults.click();
  await page.getByLabel("Delay in milliseconds").fill("20");
  await page.getByRole("button", { name: "Delay" }).click();
  await page.getByRole("button", { name: "Delay", pressed: true }).waitFor();
  expect(await (await fetch(`${hive.url}/v1/faults`)).json()).toEqual({ fault: "delay", delay_ms: 20 });
});

it("reconnects when the hive runs again", async () => {
  const hive = await spawnDaemon("hive", ["--port", "0"]);
  const { page } = await visit(browser, hive.url);
  await page.getByText("No workers.").waitFor();
  hive.signal("SIGKILL");
  await page.getByText("The hive does not answer; showing the last data. Reconnecting…").waitFor();
  const { port } = new URL(hive.url);
  const back = await spawnDaemon("hive", ["--port", port]);
  await spawnFakeWorker(["--hive-url", back.url, "--worker-id", "bee-2", ...quick]);
  await page.locator("[data-worker=bee-2][data-liveness=alive]").waitFor();
  expect(await page.getByText("Reconnecting…").count()).toBe(0);
  const { workers } = (await (await fetch(`${back.url}/v1/workers`)).json()) as { workers: HiveWorker[] };
  expect(workers.map(({ worker_id }) => worker_id)).toEqual(["bee-2"]);
});

describe("a fleet on NATS", needs("nats-server"), () => {
  it("is listed with the registered workers, and the page shows when NATS is down", async () => {
    await using nats = await startNats(createProcessGroups("nats"));
    const hive = await spawnDaemon("hive", ["--port", "0", "--nats-url", nats.url]);
    const { page, complaints } = await visit(browser, hive.url);
    await page.getByRole("heading", { name: "Gateways" }).waitFor();
    await page.getByText("No gateways.").waitFor();
    await spawnFakeWorker(["--hive-url", hive.url, "--worker-id", "bee-1", ...quick]);
    const slow = ["--fake-step-delay", "100ms"];
    const far = await spawnFakeWorker(["--nats-url", nats.url, "--worker-id", "bee-2", ...slow]);
    await page.locator("[data-worker=bee-2][data-liveness=alive]").getByText("from NATS").waitFor();
    await page.locator("[data-worker=bee-1][data-liveness=alive]").waitFor();
    expect(await page.getByText("from NATS").count()).toBe(1);
    const online = page.locator("[data-total='Workers online']");
    await online.getByText("2", { exact: true }).waitFor();
    expect(await page.getByRole("button", { name: "Drain bee-2" }).count()).toBe(0);
    // In a fleet, jobs wait in the queues of gateways.
    const gateway = await spawnDaemon("gateway", ["--local-mode", "--port", "0", "--nats-url", nats.url]);
    await expect.poll(async () => (await fetch(`${gateway.url}/readyz`)).status).toBe(200);
    const ids = Array.from({ length: 10 }, (_, i) => `job-${i}`);
    for (const job_id of ids) {
      const body = JSON.stringify({ job_id, prompt: "[eog:4000]", max_tokens: 4_000, on_disconnect: "continue" });
      expect((await fetch(`${gateway.url}/v1/jobs`, { method: "POST", body })).status).toBe(202);
    }
    await page.locator("[data-total=Waiting]").getByText("2 at gateways").waitFor();
    await page.getByText("10 jobs, 2 waiting").waitFor();
    for (const id of ids.toReversed()) await fetch(`${gateway.url}/v1/jobs/${id}`, { method: "DELETE" });
    far.signal("SIGTERM");
    await page.locator(".events").getByText("left").waitFor();
    await online.getByText("1", { exact: true }).waitFor();
    await nats.stop("SIGKILL");
    const away = page.getByText("The hive has no connection to NATS;");
    await away.waitFor();
    await nats.start();
    await away.waitFor({ state: "detached" });
    expect(complaints).toEqual([]);
  });
});
