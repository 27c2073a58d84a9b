// Owns the pictures in docs/images that README.md and docs/fleet.md show: pages of real daemons at work. Run it with
//   npx --yes pnpm@12.21.0 --filter @waggle/tests shots
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { createProcessGroups, startGateway, startNats, startWorker } from "@waggle/testing/harness";
import type { Page } from "playwright-core";
import { killDaemons, spawnDaemon, spawnModelWorker } from "../support/daemon.ts";
import { launchBrowser, visit } from "./support/browser.ts";
import { setup as buildPages } from "../support/build-pages.ts";
import { chatPage } from "./support/chat-page.ts";

const folder = fileURLToPath(new URL("../../docs/images/", import.meta.url));
const wide = { width: 1_200, height: 800 };
/** Long enough for jobs in the slots of all workers, and heartbeats that report them. */
const workMs = 15_000;
const prompts = [
  "Tell me a story about a dog and a ball.",
  "Write a short story with the words rabbit, castle and rain.",
  "Tell me a story about a little bee.",
  "Tell me a story about two friends and a boat.",
];

/** Requests stories until the signal aborts. @param widths numbers of parallel requests, in turn */
function keepBusy(url: string, widths: readonly number[], signal: AbortSignal): Promise<unknown> {
  const ask = async (lane: number): Promise<void> => {
    for (let round = 0; !signal.aborted; round++) {
      const width = widths[round % widths.length] ?? 1;
      if (lane >= width) await new Promise((resolve) => setTimeout(resolve, 1_500));
      else await tellStory(url, prompts[(lane + round) % prompts.length] ?? "", signal);
    }
  };
  return Promise.allSettled(Array.from({ length: Math.max(...widths) }, (_, lane) => ask(lane)));
}

async function tellStory(url: string, content: string, signal: AbortSignal): Promise<void> {
  const body = JSON.stringify({ messages: [{ role: "user", content }], max_tokens: 400 });
  const response = await fetch(`${url}/v1/inference`, { method: "POST", body, signal });
  await response.text();
}

async function photograph(page: Page, name: string, fullPage: boolean): Promise<void> {
  await page.emulateMedia({ colorScheme: "light" });
  await page.waitForTimeout(300);
  await page.screenshot({ path: `${folder}${name}.png`, fullPage });
}

async function photographChat(page: Page): Promise<void> {
  const chat = chatPage(page);
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByLabel("Temperature").fill("0.5");
  await page.getByLabel("Seed").fill("7");
  await page.getByLabel("New conversations begin with these settings").check();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await chat.send(prompts[1] ?? "");
  await chat.phase("done");
  await page.getByRole("button", { name: "New conversation" }).click();
  await chat.send("Hello");
  await chat.phase("done");
  await chat.send(prompts[0] ?? "");
  await chat.phase("done");
  await page.getByRole("button", { name: "Regenerate" }).last().click();
  await page.getByText("2 of 2").waitFor();
  await chat.phase("done");
  await page.getByRole("button", { name: "Show numbers" }).last().click();
  await page.mouse.move(0, 0);
  await photograph(page, "chat-light", false);
}

/** Photographs the hive's page of a fleet with two gateways and three workers. */
async function photographFleet(): Promise<void> {
  const groups = createProcessGroups("shots");
  const resting = new AbortController();
  try {
    await using nats = await startNats(groups);
    const fleet = ["--nats-url", nats.url];
    const hive = await spawnDaemon("hive", ["--port", "0", ...fleet]);
    const gateways = await Promise.all(
      ["gate-1", "gate-2"].map((id) => startGateway(groups, { flags: [...fleet, "--gateway-id", id] })),
    );
    for (const id of ["bee-1", "bee-2", "bee-3"])
      await startWorker(groups, { flags: [...fleet, "--worker-id", id, "--threads", "1"] });
    const { page } = await visit(browser, hive.url, { viewport: wide });
    const work = gateways.map(({ url }) => keepBusy(url, [3, 5, 8], resting.signal));
    await page.waitForTimeout(workMs);
    await photograph(page, "fleet-light", true);
    resting.abort();
    await Promise.all(work);
  } finally {
    resting.abort();
    groups.killAll();
  }
}

await buildPages();
await mkdir(folder, { recursive: true });
const browser = await launchBrowser();
try {
  const worker = await spawnModelWorker(["--threads", "1"]);
  await photographChat((await visit(browser, worker.url, { viewport: wide })).page);
  await photographFleet();
} finally {
  await browser.close();
  await killDaemons();
}
