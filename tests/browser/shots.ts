// Owns the pictures of the pages in docs/images: real daemons at work, photographed in light, dark and phone width. Run it with
//   npx --yes pnpm@12.21.0 --filter @waggle/tests shots
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createProcessGroups, startGateway, startNats, startWorker } from "@waggle/harness";
import { shapeNamed, writeRandomModel } from "@waggle/synth";
import type { Page } from "playwright-core";
import { killDaemons, spawnDaemon, spawnFakeWorker, spawnModelWorker } from "../support/daemon.ts";
import { launchBrowser, openTab, visit } from "./support/browser.ts";
import { setup as buildPages } from "./support/build-pages.ts";
import { chatPage } from "./support/chat-page.ts";
import { says } from "./support/says.ts";

const folder = fileURLToPath(new URL("../../docs/images/", import.meta.url));
const storyTeller = fileURLToPath(new URL("../../models/waggle-tiny-stories.gguf", import.meta.url));
const wide = { width: 1_200, height: 800 };
const phone = { width: 390, height: 800 };
/** Long enough for the plots to have something to show. */
const workMs = 40_000;
const prompts = [
  "Tell me a story about a dog and a ball.",
  "Write a short story with the words rabbit, castle and rain.",
  "Tell me a story about a little bee.",
  "Tell me a story about two friends and a boat.",
];

/** Asks for stories until told to stop, a changing number at a time. */
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

/** Flags of a worker that has the story teller, a model of random words and one that embeds, and memory for two of them. */
function severalModels(scratch: string): readonly string[] {
  const models = { "stories-15m": "15m", "mini-embed": "embed" };
  const random = Object.entries(models).flatMap(([name, shape]) => {
    const path = join(scratch, `${name}-q8_0.gguf`);
    writeRandomModel(shapeNamed(shape), path);
    return ["--model", `${name}=${path}`];
  });
  const shared = ["--max-loaded-models", "2", "--memory-budget", "600MiB", "--default-model", "waggle-tiny-stories"];
  return ["--model", storyTeller, ...random, ...shared];
}

async function loadModel(url: string, model: string): Promise<void> {
  const response = await fetch(`${url}/v1/models/load`, { method: "POST", body: JSON.stringify({ model }) });
  const told = await response.text();
  if (!told.includes('"done"')) throw new Error(`Cannot load ${model}: ${told}`);
}

async function photograph(page: Page, name: string, fullPage: boolean): Promise<void> {
  for (const [look, colorScheme, size] of [
    ["light", "light", wide],
    ["dark", "dark", wide],
    ["phone", "light", phone],
  ] as const) {
    await page.setViewportSize(size);
    await page.emulateMedia({ colorScheme });
    await page.waitForTimeout(300);
    await page.screenshot({ path: `${folder}${name}-${look}.png`, fullPage });
  }
}

async function photographChat(page: Page): Promise<void> {
  const chat = chatPage(page);
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByLabel("Temperature").fill("0.5");
  await page.getByLabel("Seed").fill("7");
  await page.getByLabel("New conversations begin with these settings").check();
  await page.getByRole("button", { name: "Save" }).click();
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
  await page.mouse.move(0, 0);
  await photograph(page, "chat", false);
}

/** What a larger model writes: the fake backend says it, for no model that does is small enough to lie here. */
const essay = [
  "The waggle dance tells **where** the flowers are: its angle is the direction, its length the distance.",
  '```python\ndef distance(waggles: int, metres: float = 75.0) -> float:\n    """How far the flowers are."""\n    return waggles * metres  # about a second each\n```',
  "| bee | waggles | distance |\n|:--|:-:|--:|\n| Ada | 4 | 300 m |\n| Bea | 12 | 900 m |",
  "$$\n\\alpha = \\arctan \\frac{y_{flower} - y_{hive}}{x_{flower} - x_{hive}}\n$$",
].join("\n\n");

async function photographFormats(page: Page): Promise<void> {
  const chat = chatPage(page);
  await says(page, essay);
  await chat.send("How do bees tell each other where the flowers are?");
  await chat.phase("done");
  await page.locator("mfrac").waitFor();
  await page.locator(".code-keyword").first().waitFor();
  await page.mouse.move(0, 0);
  await photograph(page, "chat-formats", false);
  await page.setViewportSize(wide);
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByLabel("Temperature").waitFor();
  await photograph(page, "chat-settings", false);
}

/** The hive's page over a fleet: two gateways, and three workers that take their jobs from it. */
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
    await photograph(page, "fleet", true);
    resting.abort();
    await Promise.all(work);
  } finally {
    resting.abort();
    groups.killAll();
  }
}

await buildPages();
await mkdir(folder, { recursive: true });
const scratch = await mkdtemp(join(tmpdir(), "waggle-shots-"));
const browser = await launchBrowser();
const resting = new AbortController();
try {
  const hive = await spawnDaemon("hive", ["--port", "0"]);
  const flags = ["--hive-url", hive.url, "--heartbeat-interval", "1s", "--threads", "1", "--worker-id"];
  const first = await spawnModelWorker([...flags, "bee-1", ...severalModels(scratch)]);
  await photographChat((await visit(browser, first.url, { viewport: wide })).page);
  await photographFormats((await visit(browser, (await spawnFakeWorker([])).url, { viewport: wide })).page);
  const reference = await visit(browser, `${first.url}/reference`, { viewport: wide });
  await reference.page.getByRole("heading", { name: "Native routes" }).waitFor();
  await photograph(reference.page, "reference", false);
  await loadModel(first.url, "mini-embed");
  const second = await spawnModelWorker([...flags, "bee-2"]);
  const third = await spawnModelWorker([...flags, "bee-3"]);
  const hivePage = await visit(browser, hive.url, { viewport: wide });
  const statusPage = await openTab(hivePage.context, `${first.url}/status`);
  const work = Promise.all([
    keepBusy(first.url, [2, 6, 5, 3], resting.signal),
    keepBusy(second.url, [1, 3], resting.signal),
  ]);
  await hivePage.page.waitForTimeout(workMs);
  third.signal("SIGKILL");
  await hivePage.page.locator("[data-worker=bee-3][data-liveness=gone]").waitFor();
  await photograph(statusPage.page, "status", true);
  await photograph(hivePage.page, "hive", true);
  resting.abort();
  await work;
  await killDaemons();
  await photographFleet();
} finally {
  resting.abort();
  await browser.close();
  await killDaemons();
  await rm(scratch, { recursive: true });
}
