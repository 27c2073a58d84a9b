// Shows the hive's page with real workers that come, are killed, and come back; and the status page of one that works.
import { createProcessGroups, startNats } from "@waggle/harness";
import type { HiveWorker } from "@waggle/protocol";
import { describeWithNats } from "@waggle/testing";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { killDaemons, spawnDaemon, spawnFakeWorker } from "../support/daemon.ts";
import { launchBrowser, visit } from "./support/browser.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
  await killDaemons();
});

const quick = ["--heartbeat-interval", "500ms"];

it("shows a killed worker as stale, then gone, then back", async () => {
  const hive = await spawnDaemon("hive", ["--port", "0"]);
  const { page, complaints } = await visit(browser, hive.url);
  await page.getByText("No worker has come yet.").waitFor();
  const flags = ["--hive-url", hive.url, "--worker-id", "bee-1", ...quick];
  const worker = await spawnFakeWorker(flags);
  const card = page.locator("[data-worker=bee-1]");
  const shows = (liveness: string): Promise<void> =>
    page.locator(`[data-worker=bee-1][data-liveness=${liveness}]`).waitFor();
  await shows("alive");
  await page.getByText("1 alive").waitFor();
  expect(await card.getByRole("link", { name: "Chat" }).getAttribute("href")).toBe(worker.url);
  worker.signal("SIGKILL");
  await shows("stale");
  await page.getByText("1 stale").waitFor();
  await shows("gone");
  await page.getByText("1 gone").waitFor();
  await spawnFakeWorker([...flags, "--port", new URL(worker.url).port]);
  await shows("alive");
  const told = await page.locator(".timeline .badge").allInnerTexts();
  expect(told.filter((text) => text !== "registered again")).toEqual(["is back", "is gone", "is stale", "joined"]);
  expect(complaints).toEqual([]);
});

it("ticks, follows the slots, and tells when a worker leaves", async () => {
  const hive = await spawnDaemon("hive", ["--port", "0"]);
  const worker = await spawnFakeWorker([
    "--hive-url",
    hive.url,
    "--worker-id",
    "bee-1",
    ...quick,
    "--fake-step-delay",
    "30ms",
  ]);
  const { page } = await visit(browser, hive.url);
  const job = await fetch(`${worker.url}/v1/jobs`, {
    method: "POST",
    body: JSON.stringify({ prompt: "busy", on_disconnect: "continue" }),
  });
  expect(job.status).toBe(202);
  await page.getByText("1 of 8 slots busy").waitFor();
  await page.getByText(/^\d s ago$/).waitFor();
  await fetch(`${worker.url}${job.headers.get("location") ?? ""}`, { method: "DELETE" });
  worker.signal("SIGTERM");
  await page.getByText("No worker has come yet.").waitFor();
  await page.locator(".timeline").getByText("left").waitFor();
});

it("shows the models of a worker that has several, as it told them last", async () => {
  const hive = await spawnDaemon("hive", ["--port", "0"]);
  const { page, complaints } = await visit(browser, hive.url);
  const worker = {
    worker_id: "bee-1",
    url: "http://127.0.0.1:7701",
    model: "small",
    state: "ready",
    slots: { total: 8, busy: 0 },
    queue: { depth: 0, capacity: 64 },
    version: "0.1.0",
  };
  const tell = async (method: string, path: string, body: object): Promise<void> => {
    const response = await fetch(hive.url + path, { method, body: JSON.stringify({ ...worker, ...body }) });
    expect(response.ok).toBe(true);
  };
  const models = (state: string): object => ({
    models: [
      { name: "small", state: "ready" },
      { name: "large", state },
    ],
  });
  await tell("PUT", "/v1/workers/bee-1", { interval_ms: 60_000, ...models("unloaded") });
  const list = page.locator("[data-worker=bee-1]").getByRole("list", { name: "Models" });
  await list.getByText("not loaded").waitFor();
  const beat = { timestamp: "2026-11-20T10:00:00.000Z", health_status: "healthy", seq: 0 };
  await tell("POST", "/v1/heartbeat", { ...beat, ...models("loading") });
  await list.getByText("loading", { exact: true }).waitFor();
  expect(await list.getByRole("listitem").allInnerTexts()).toEqual(["small\nready", "large\nloading"]);
  await tell("POST", "/v1/heartbeat", { ...beat, seq: 1 });
  await list.waitFor({ state: "detached" });
  expect(complaints).toEqual([]);
});

it("switches faults on and off", async () => {
  const hive = await spawnDaemon("hive", ["--port", "0", "--faults"]);
  await spawnFakeWorker(["--hive-url", hive.url, "--worker-id", "bee-1", ...quick]);
  const { page } = await visit(browser, hive.url);
  await page.locator("[data-worker=bee-1]").waitFor();
  await page.getByRole("button", { name: "Refuse" }).click();
  await page.getByRole("button", { name: "Refuse", pressed: true }).waitFor();
  await page.locator("[data-worker=bee-1][data-liveness=stale]").waitFor();
  await page.getByRole("button", { name: "Behave" }).click();
  await page.locator("[data-worker=bee-1][data-liveness=alive]").waitFor();
  await page.getByRole("button", { name: "Forget" }).click();
  await page.locator(".timeline").getByText("was forgotten").waitFor();
  await page.locator("[data-worker=bee-1][data-liveness=alive]").waitFor();
  await page.getByLabel("Delay in milliseconds").fill("20");
  await page.getByRole("button", { name: "Delay" }).click();
  await page.getByRole("button", { name: "Delay", pressed: true }).waitFor();
  expect(await (await fetch(`${hive.url}/v1/faults`)).json()).toEqual({ fault: "delay", delay_ms: 20 });
});

it("finds its way back when the hive was away", async () => {
  const hive = await spawnDaemon("hive", ["--port", "0"]);
  const { page } = await visit(browser, hive.url);
  await page.getByText("No worker has come yet.").waitFor();
  hive.signal("SIGKILL");
  await page.getByText("The hive does not answer. Reconnecting…").waitFor();
  const { port } = new URL(hive.url);
  const back = await spawnDaemon("hive", ["--port", port]);
  await spawnFakeWorker(["--hive-url", back.url, "--worker-id", "bee-2", ...quick]);
  await page.locator("[data-worker=bee-2][data-liveness=alive]").waitFor();
  expect(await page.getByText("Reconnecting…").count()).toBe(0);
  const { workers } = (await (await fetch(`${back.url}/v1/workers`)).json()) as { workers: HiveWorker[] };
  expect(workers.map(({ worker_id }) => worker_id)).toEqual(["bee-2"]);
});

it("shows a worker's slots and plots what it does", async () => {
  const worker = await spawnFakeWorker(["--fake-step-delay", "20ms", "--worker-id", "bee-1"]);
  const { page, complaints } = await visit(browser, `${worker.url}/status`);
  await page.getByRole("heading", { name: "bee-1" }).waitFor();
  await page.getByText("0 of 8 busy").waitFor();
  for (let i = 0; i < 3; i++) {
    const body = JSON.stringify({ prompt: "busy", on_disconnect: "continue" });
    expect((await fetch(`${worker.url}/v1/jobs`, { method: "POST", body })).status).toBe(202);
  }
  await page.getByText("3 of 8 busy").waitFor();
  await page.locator(".slot[data-state=decoding]").nth(2).waitFor();
  await page.getByText("3 rows per step").waitFor();
  await page.getByText(/^[1-9]\d* tokens\/s$/).waitFor();
  await page
    .getByText(/^p50 [\d.]+$/)
    .first()
    .waitFor();
  expect(await page.locator("canvas").count()).toBe(6);
  expect(complaints).toEqual([]);
});

describeWithNats("a fleet on NATS", () => {
  it("stands beside the workers that register, and the page says when NATS is away", async () => {
    await using nats = await startNats(createProcessGroups("nats"));
    const hive = await spawnDaemon("hive", ["--port", "0", "--nats-url", nats.url]);
    const { page, complaints } = await visit(browser, hive.url);
    await page.getByRole("heading", { name: "Gateways" }).waitFor();
    await page.getByText("None is there.").waitFor();
    await spawnFakeWorker(["--hive-url", hive.url, "--worker-id", "bee-1", ...quick]);
    const far = await spawnFakeWorker(["--nats-url", nats.url, "--worker-id", "bee-2"]);
    await page.locator("[data-worker=bee-2][data-liveness=alive]").getByText("from NATS").waitFor();
    await page.locator("[data-worker=bee-1][data-liveness=alive]").waitFor();
    expect(await page.getByText("from NATS").count()).toBe(1);
    await page.getByText("2 alive").waitFor();
    far.signal("SIGTERM");
    await page.locator(".timeline").getByText("left").waitFor();
    await page.getByText("1 alive").waitFor();
    await nats.stop("SIGKILL");
    const away = page.getByText("NATS does not answer the hive.");
    await away.waitFor();
    await nats.start();
    await away.waitFor({ state: "detached" });
    expect(complaints).toEqual([]);
  });
});
