// Shows the hive's page with real workers that join, are late, leave and return.
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGate, createProcessGroups, startNats } from "@waggle/testing/harness";
import type { HiveWorker } from "@waggle/protocol";
import { needs } from "@waggle/testing";
import { describe, expect, it } from "vitest";
import { spawnDaemon, spawnFakeWorker } from "../support/daemon.ts";
import { visit } from "./support/browser.ts";
import { pageProblems } from "./support/page-problems.ts";
import { useBrowser } from "./support/use-browser.ts";

const browser = useBrowser({ daemons: "each test" });

const quick = ["--heartbeat-interval", "500ms"];

it("asks for the token, and shows the workers with what they do", async () => {
  const env = { WAGGLE_HIVE_TOKEN: "of-the-whole-fleet" };
  const hive = await spawnDaemon("hive", ["--port", "0"], { env });
  using gate = await createGate();
  const flags = ["--hive-url", hive.url, "--worker-id", "bee-1", "--slots", "4", ...quick, ...gate.flags];
  const worker = await spawnFakeWorker(flags, { env });
  const { page, complaints } = await visit(browser, hive.url);
  await page.getByRole("textbox", { name: "API token" }).fill(env.WAGGLE_HIVE_TOKEN);
  await page.getByRole("button", { name: "Continue" }).click();
  const card = page.locator("[data-worker=bee-1]");
  await card.getByText("0 of 4 slots busy").waitFor();
  await page.getByText("1 online", { exact: true }).waitFor();

  const body = JSON.stringify({ prompt: "busy", max_tokens: 5, on_disconnect: "continue" });
  expect((await fetch(`${worker.url}/v1/jobs`, { method: "POST", body })).status).toBe(202);
  await card.getByText("1 of 4 slots busy").waitFor();
  gate.open();
  await card.getByText("0 of 4 slots busy").waitFor();
  // The browser logs each request that the hive refused.
  expect(complaints.filter((text) => !text.includes("401"))).toEqual([]);
});

it("drains and removes workers", async () => {
  const hive = await spawnDaemon("hive", ["--port", "0"]);
  const flags = (id: string): string[] => ["--hive-url", hive.url, "--worker-id", id, ...quick];
  const worker = await spawnFakeWorker(flags("bee-1"));
  const lost = await spawnFakeWorker(flags("bee-2"));
  const { page } = await visit(browser, hive.url);
  lost.signal("SIGKILL");
  const card = page.locator("[data-worker=bee-1]");
  await page.getByRole("button", { name: "Drain bee-1" }).click();
  await card.getByText("The worker takes no more jobs and stops.").waitFor();
  // Enter right after the first click does not confirm the drain.
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Drain bee-1" }).click();
  await card.getByRole("button", { name: "Drain", exact: true }).click();
  expect((await worker.exited).code).toBe(0);
  await card.waitFor({ state: "detached" });

  const gone = page.locator("[data-worker=bee-2][data-liveness=gone]");
  await gone.getByRole("button", { name: "Remove bee-2" }).click();
  await gone.getByRole("button", { name: "Remove", exact: true }).click();
  await page.getByText("No workers.").waitFor();
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
  expect(await pageProblems(page)).toEqual([]);
  expect(await page.locator("[data-worker=gone-7]").isVisible()).toBe(false);
  await folded.click();
  await page.locator("[data-worker=gone-7]").getByText("offline").waitFor();
  expect(await pageProblems(page)).toEqual([]);
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
    await page.getByText("2 online", { exact: true }).waitFor();
    expect(await page.getByRole("button", { name: "Drain bee-2" }).count()).toBe(0);
    // In a fleet, jobs wait in the queues of gateways.
    const gateway = await spawnDaemon("gateway", ["--local-mode", "--port", "0", "--nats-url", nats.url]);
    await expect.poll(async () => (await fetch(`${gateway.url}/readyz`)).status).toBe(200);
    const ids = Array.from({ length: 10 }, (_, i) => `job-${i}`);
    for (const job_id of ids) {
      const body = JSON.stringify({ job_id, prompt: "[eog:4000]", max_tokens: 4_000, on_disconnect: "continue" });
      expect((await fetch(`${gateway.url}/v1/jobs`, { method: "POST", body })).status).toBe(202);
    }
    await page.getByText("10 jobs, 2 waiting").waitFor();
    for (const id of ids.toReversed()) await fetch(`${gateway.url}/v1/jobs/${id}`, { method: "DELETE" });
    far.signal("SIGTERM");
    await page.getByText("1 online", { exact: true }).waitFor();
    await nats.stop("SIGKILL");
    const away = page.getByText("The hive has no connection to NATS;");
    await away.waitFor();
    await nats.start();
    await away.waitFor({ state: "detached" });
    expect(complaints).toEqual([]);
  });
});
