// Shows the chat's models dialog: switching, loading and downloading without leaving the conversation.
import { WaggleError } from "@waggle/protocol";
import type { BrowserContextOptions } from "playwright-core";
import { afterEach, beforeAll, expect, it } from "vitest";
import { spawnFakeWorker } from "../support/daemon.ts";
import { visit } from "./support/browser.ts";
import type { Watched } from "./support/browser.ts";
import { inspectPage } from "./support/inspect-page.ts";
import { openModelWorker, severalModels, statusesOf } from "./support/model-worker.ts";
import type { ModelWorker } from "./support/model-worker.ts";
import { useBrowser } from "./support/use-browser.ts";

const browser = useBrowser();
let fakeUrl: string;
let worker: ModelWorker;
beforeAll(async () => {
  fakeUrl = (await spawnFakeWorker()).url;
});
afterEach(async () => {
  await worker[Symbol.asyncDispose]();
});

const { small, large, vectors } = severalModels();

async function open(options: BrowserContextOptions = {}): Promise<Watched> {
  worker = await openModelWorker(fakeUrl, statusesOf([small, large, vectors]));
  const visited = await visit(browser, worker.url, options);
  await visited.page.getByRole("button", { name: "Models" }).click();
  await visited.page.locator("[data-model=bee-large]").waitFor();
  return visited;
}

it("loads a model with progress, also while the dialog is closed, and switches to it", async () => {
  const { page, complaints } = await open();
  const row = page.locator("[data-model=bee-large]");
  expect(await page.getByRole("button", { name: /^Use / }).allInnerTexts()).toHaveLength(1);
  await page.locator("[data-model=bee-small]").getByText("in use").waitFor();
  await page.getByRole("button", { name: "Load bee-large" }).click();
  const load = await worker.next();
  expect(load).toMatchObject({ route: "loadModel", body: { model: "bee-large" } });
  load.send({ type: "progress", stage: "loading", progress: 0.42 });
  await row.getByText("Loading · 42 %").waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  await page.getByRole("button", { name: "Models: Loading 42 %" }).waitFor();
  const loaded = { ...large, state: "ready" as const };
  worker.tell(statusesOf([small, loaded, vectors]));
  load.send({ type: "done", model: loaded });
  await page.getByRole("button", { name: "Models", exact: true }).click();
  await page.getByText("bee-large is loaded.").first().waitFor();
  await page.getByRole("button", { name: "Use bee-large" }).click();
  expect(await page.getByLabel("Model", { exact: true }).inputValue()).toBe("bee-large");
  expect(complaints).toEqual([]);
});

it("downloads a model, and shows the result", async () => {
  const { page } = await open();
  const reference = "hf:bees/queen-GGUF:Q4_K_M";
  await page.getByLabel("Reference", { exact: true }).fill(reference);
  await page.getByRole("button", { name: "Download", exact: true }).click();
  const pull = await worker.next();
  expect(pull).toMatchObject({ route: "pullModel", body: { reference } });
  pull.send({ type: "progress", stage: "downloading", progress: 0.25, done_bytes: 500_000_000, total_bytes: 2e9 });
  await page.getByText("Downloading · 25 % · 500 MB of 2.0 GB").waitFor();
  const queen = { ...large, name: "queen" };
  worker.tell(statusesOf([small, large, queen, vectors]));
  pull.send({ type: "done", model: queen });
  await page.getByText(`${reference} is downloaded as queen.`).first().waitFor();
  await page.getByRole("button", { name: "Use queen" }).click();
  expect(await page.getByLabel("Model", { exact: true }).inputValue()).toBe("queen");
});

it("shows recommended models that fit, and downloads one", async () => {
  const { page, complaints } = await open();
  const bee = { reference: "hf:bees/bee:Q4_K_M", purposes: ["chat"], languages: "7", parameters: 4e9, bytes: 2.5e9 };
  const fit = { verdict: "fits", context_size: 4_096, memory_bytes: 3e9 };
  const models = [
    { ...bee, name: "Bee 4B", downloaded: "never", fit },
    { ...bee, name: "Bee 70B", reference: "hf:bees/big:Q4_K_M", downloaded: "never", fit: { ...fit, verdict: "none" } },
  ];
  await page.route("**/v1/hub/recommended", (route) =>
    route.fulfill({ json: { listed_on: "2026-11-25", note: "None was downloaded so far.", models } }),
  );
  await page.getByText("Recommended models for this machine").click();
  const row = page.locator("[data-recommended]");
  await row.getByText("chat · file 2.5 GB · 3.0 GB of memory · never downloaded with Waggle").waitFor();
  expect(await row.count()).toBe(1);
  await page
    .getByText("None was downloaded so far. Models of the list that do not fit into the free memory: 1.")
    .waitFor();
  expect((await page.evaluate(inspectPage)).lowContrast).toEqual([]);
  await page.getByRole("button", { name: "Download Bee 4B" }).click();
  expect(await worker.next()).toMatchObject({ route: "pullModel", body: { reference: bee.reference } });
  expect(await page.getByRole("button", { name: "Download Bee 4B" }).isDisabled()).toBe(true);
  expect(complaints).toEqual([]);
});

it("shows the worker's own list of recommended models", async () => {
  const { page } = await open();
  await page.getByText("Recommended models for this machine").click();
  await page.getByText(/^This list of \d{4}-\d\d-\d\d comes from documentation\. Waggle downloaded/).waitFor();
});

it("offers no change to a token without rights, and shows a refusal if the rights are unknown", async () => {
  const { page } = await open();
  await page.getByRole("button", { name: "Load bee-large" }).click();
  (await worker.next()).refuse(new WaggleError("forbidden", "No."));
  await page.getByText("it requires an admin token.").waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  await page.getByRole("button", { name: "Models: Change failed" }).waitFor();
  const counts = { requests: { accepted: 0, refused: 0 }, jobs: { finished: 0, failed: 0, cancelled: 0 }, models: {} };
  const mine = { client: "mine", admin: false, running: 0, prompt_tokens: 0, cached_tokens: 0, completion_tokens: 0 };
  await page.route("**/v1/usage", (route) =>
    route.fulfill({ json: { since: new Date(0).toISOString(), clients: [{ ...mine, ...counts }] } }),
  );
  await page.getByRole("button", { name: /^Models/ }).click();
  await page.getByText("Loading and downloading models requires an admin token.").waitFor();
  expect(await page.getByRole("button", { name: /^Load |^Download$/ }).count()).toBe(0);
  await page.getByRole("button", { name: "Use bee-large" }).waitFor();
});

it("offers no change at a gateway, which has no memory for models", async () => {
  const { page } = await open();
  await page.getByRole("button", { name: "Load bee-large" }).waitFor();
  const { budget: _, ...ofGateway } = statusesOf([small, large, vectors]);
  worker.tell(ofGateway);
  await page.reload();
  await page.getByRole("button", { name: "Models" }).click();
  await page.getByText("This is a gateway: load and download models at its workers.").waitFor();
  expect(await page.getByRole("button", { name: /^Load |^Download$|admin token/ }).count()).toBe(0);
  await page.getByRole("button", { name: "Use bee-large" }).waitFor();
});

it.each([
  ["light", 1_280],
  ["dark", 1_280],
  ["light", 390],
  ["dark", 390],
] as const)("has enough contrast and fits, in %s, %i wide", async (colorScheme, width) => {
  const { page } = await open({ colorScheme, viewport: { width, height: 800 } });
  await page.getByRole("button", { name: "Load bee-large" }).click();
  (await worker.next()).send({ type: "progress", stage: "loading", progress: 0.6 });
  await page.getByText("Loading · 60 %").waitFor();
  const dialog = await page.evaluate(inspectPage);
  await page.getByRole("button", { name: "Close" }).click();
  const closed = await page.evaluate(inspectPage);
  for (const { lowContrast, nameless, overflow } of [dialog, closed]) {
    expect({ lowContrast, nameless, overflow }).toEqual({ lowContrast: [], nameless: [], overflow: 0 });
  }
});
