// Shows the chat's models dialog: switching, loading and downloading without leaving the conversation.
import { RecommendedModelsSchema, WaggleError } from "@waggle/protocol";
import type { RecommendedModel } from "@waggle/protocol";
import type { Page } from "playwright-core";
import { afterEach, beforeAll, expect, it } from "vitest";
import { visit, type Watched } from "./support/browser.ts";
import { modelsButton, waitForModel } from "./support/choose-model.ts";
import { openModelWorker, severalModels, statusesOf, type ModelWorker } from "./support/model-worker.ts";
import { pageProblems } from "./support/page-problems.ts";
import { sharedWorker, useBrowser } from "./support/use-browser.ts";

const browser = useBrowser();
let fakeUrl: string;
let worker: ModelWorker;
beforeAll(async () => void (fakeUrl = (await sharedWorker()).url));
afterEach(async () => {
  await worker[Symbol.asyncDispose]();
});

const { small, large, vectors } = severalModels();

async function open(): Promise<Watched> {
  worker = await openModelWorker(fakeUrl, statusesOf([small, large, vectors]));
  const visited = await visit(browser, worker.url);
  await modelsButton(visited.page).click();
  await visited.page.locator("[data-model=bee-large]").waitFor();
  return visited;
}

it("uses a model and loads it, with progress in the header, also after a failure", async () => {
  const { page, complaints } = await open();
  expect(await page.getByRole("button", { name: /^Use / }).allInnerTexts()).toHaveLength(1);
  await page.locator("[data-model=bee-small]").getByText("in use").waitFor();
  await page.getByRole("button", { name: "Use bee-large" }).click();
  const load = await worker.next();
  expect(load).toMatchObject({ route: "loadModel", body: { model: "bee-large" } });
  expect(await page.getByRole("textbox", { name: "Message" }).evaluate((box) => box === document.activeElement)).toBe(
    true,
  );
  load.send({ type: "progress", stage: "loading", progress: 0.42 });
  await page.getByRole("button", { name: /^Models: bee-large, .*Loading 42 %$/ }).waitFor();
  worker.tell(statusesOf([small, { ...large, state: "failed", reason: "No memory." }, vectors]));
  load.send({ type: "error", code: "resource_exhausted", message: "No memory.", retryable: true });
  await page.getByRole("button", { name: "Models: bee-large, failed, Change failed" }).click();
  await page.getByRole("button", { name: "Load bee-large", exact: true }).click();
  const loaded = { ...large, state: "ready" as const };
  worker.tell(statusesOf([small, loaded, vectors]));
  const again = await worker.next();
  again.send({ type: "progress", stage: "loading", progress: 0.6 });
  await page.getByText("Loading · 60 %").waitFor();
  again.send({ type: "done", model: loaded });
  await page.getByText("bee-large is loaded.").first().waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  await page.getByRole("button", { name: "Models: bee-large, ready", exact: true }).waitFor();
  expect(complaints).toEqual([]);
});

it("says so if its code cannot be loaded, as after an update of the server", async () => {
  worker = await openModelWorker(fakeUrl, statusesOf([small, large, vectors]));
  const { page } = await visit(browser, worker.url);
  await page.route(/models-dialog-.*\.js$/, (route) => route.abort());
  await modelsButton(page).click();
  await page.getByRole("alert").getByText("A part of this page cannot be loaded. Reload the page.").waitFor();
  expect(await pageProblems(page)).toEqual([]);
});

const bee: RecommendedModel = {
  ...{ name: "Bee 4B", reference: "hf:bees/bee:Q4_K_M", purposes: ["chat"], best_for: ["chat"], languages: "7" },
  ...{ parameters: 4e9, bytes: 2.5e9, downloaded: "never" },
  fit: { verdict: "fits", context_size: 4_096, one_answer_bytes: 3e9, memory_bytes: 3e9, gpu: "none" },
};

async function recommend(page: Page, models: readonly RecommendedModel[]): Promise<void> {
  await page.route("**/v1/hub/recommended", (route) =>
    route.fulfill({ json: RecommendedModelsSchema.parse({ listed_on: "2026-11-25", note: "", models }) }),
  );
  await page.reload();
  await modelsButton(page).click();
}

/** The most progress bars that a frame has shown. */
declare let mostBars: number;

function countBarsOfFrames(): void {
  Object.assign(globalThis, { mostBars: 0 });
  requestAnimationFrame(function count() {
    mostBars = Math.max(mostBars, document.querySelectorAll("progress").length);
    requestAnimationFrame(count);
  });
}

it("begins with the recommended models, follows a download in its row, also after a reload, and then offers Use", async () => {
  const { page, complaints } = await open();
  const huge = { ...bee, name: "Bee 70B", reference: "hf:bees/big:Q4_K_M", best_for: [] };
  await recommend(page, [
    { ...bee, name: "Bee 1B", reference: "hf:bees/small:Q4_K_M", bytes: 1e9, best_for: [] },
    bee,
    { ...huge, fit: { verdict: "none", context_size: 1, one_answer_bytes: 9e10, memory_bytes: 9e10, gpu: "none" } },
  ]);
  const rows = page.locator("[data-recommended]");
  await rows.first().waitFor();
  expect(await rows.locator("h4").allInnerTexts()).toEqual([
    expect.stringMatching(/^Bee 4B\s+2\.5 GB\s+best for this machine$/),
    expect.stringMatching(/^Bee 1B\s+1\.0 GB$/),
  ]);
  expect(await page.locator("dialog h3").first().innerText()).toBe("Recommended for this machine");
  await page.getByRole("button", { name: "Download: Bee 4B" }).click();
  const pull = await worker.next();
  expect(pull).toMatchObject({ route: "pullModel", body: { reference: bee.reference } });
  const sizes = { progress: 0.25, done_bytes: 625_000_000, total_bytes: 2.5e9 };
  const running = { reference: bee.reference, name: "bee-q4_k_m", state: "running", stage: "downloading" } as const;
  worker.tellDownloads([{ ...running, ...sizes, bytes_per_second: 25e6, eta_ms: 75_000 }]);
  pull.send({ type: "progress", stage: "asking" });
  await pull.left;
  const figures = "Downloading · 25 % · 625 MB of 2.5 GB · 25.0 MB/s · 75 s left";
  await rows.first().getByText(figures).waitFor();
  await page.addInitScript(countBarsOfFrames);
  await page.reload();
  await page.getByRole("button", { name: /^Models: .*Downloading 25 %$/ }).click();
  await rows.first().getByText(figures).waitFor();
  expect(await page.evaluate(() => mostBars), "in one frame").toBe(1);
  const served = { ...large, name: "bee-q4_k_m" };
  worker.tell(statusesOf([small, served, vectors]));
  worker.tellDownloads([{ reference: bee.reference, name: served.name, state: "done" }]);
  await page.getByText("bee-q4_k_m is downloaded.").first().waitFor();
  await rows.first().getByRole("button", { name: "Use bee-q4_k_m" }).click();
  await waitForModel(page, "bee-q4_k_m");
  expect(complaints).toEqual([]);
});

it("lists unfinished downloads with Continue and Remove, and a file that is here without Download", async () => {
  const { page } = await open();
  const left = { name: "queen-q4_0", reference: "hf:bees/queen:Q4_0", state: "stopped" } as const;
  worker.tellDownloads([{ ...left, done_bytes: 5e8, total_bytes: 2e9, progress: 0.25 }]);
  await recommend(page, [{ ...bee, model: "bee-small" }]);
  await page.locator("[data-recommended]").getByText("in use").waitFor();
  expect(await page.getByRole("button", { name: /^Download/ }).count()).toBe(0);
  const row = page.locator("[data-download='hf:bees/queen:Q4_0']");
  await row.getByText("Not finished: 500 MB of 2.0 GB (25 %) here.").waitFor();
  await row.getByRole("button", { name: "Continue: the download of queen-q4_0" }).click();
  const pull = await worker.next();
  expect(pull).toMatchObject({ route: "pullModel", body: { reference: left.reference } });
  worker.tellDownloads([{ ...left, state: "failed", reason: "Cannot download model: the disk is full." }]);
  pull.send({ type: "progress", stage: "asking" });
  await row.getByRole("alert").getByText("the disk is full").waitFor();
  await row.getByRole("button", { name: "Remove: queen-q4_0" }).click();
  const removal = await worker.next();
  expect(removal).toMatchObject({ route: "deleteModel", path: `/v1/models/${encodeURIComponent(left.reference)}` });
  worker.tellDownloads([]);
  removal.answer({ id: left.reference, object: "model", deleted: true, freed_bytes: 5e8 });
  await row.waitFor({ state: "detached" });
});

it("says that there is no model, offers the recommended ones, and takes no message", async () => {
  const { page, complaints } = await open();
  worker.tell(statusesOf([]));
  await recommend(page, [bee]);
  await page.getByRole("button", { name: "Close" }).click();
  await page.getByRole("heading", { name: "This server has no model yet" }).waitFor();
  expect(await page.getByText("What shall we talk about?").count()).toBe(0);
  await page.getByPlaceholder("Download a model first").fill("Hello?");
  expect(await page.getByRole("button", { name: "Send" }).isDisabled()).toBe(true);
  await page.getByRole("button", { name: "Download: Bee 4B" }).click();
  worker.tell(statusesOf([small]));
  worker.tellDownloads([{ reference: bee.reference, name: "bee-small", state: "done" }]);
  (await worker.next()).send({ type: "progress", stage: "asking" });
  await page.getByText("What shall we talk about?").waitFor();
  expect(await page.getByRole("textbox", { name: "Message" }).inputValue()).toBe("Hello?");
  expect(worker.jobs).toEqual([]);
  expect(complaints).toEqual([]);
});

it("shows the worker's own list of recommended models", async () => {
  const { page } = await open();
  const few = await page
    .locator("[data-recommended]")
    .first()
    .waitFor()
    .then(() => page.locator("[data-recommended]").count());
  await page.getByRole("button", { name: /^Show \d+ more that fit$/ }).click();
  expect(await page.locator("[data-recommended]").count()).toBeGreaterThan(few);
});

it("offers no change to a token without rights, and shows a refusal if the rights are unknown", async () => {
  const { page } = await open();
  await page.getByRole("button", { name: "Use bee-large" }).click();
  (await worker.next()).refuse(new WaggleError("forbidden", "No."));
  await page.getByRole("button", { name: /Change failed$/ }).click();
  await page.getByText("it requires an admin token.").waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  const counts = { requests: { accepted: 0, refused: 0 }, jobs: { finished: 0, failed: 0, cancelled: 0 }, models: {} };
  const mine = { client: "mine", admin: false, running: 0, prompt_tokens: 0, cached_tokens: 0, completion_tokens: 0 };
  await page.route("**/v1/usage", (route) =>
    route.fulfill({ json: { since: new Date(0).toISOString(), clients: [{ ...mine, ...counts }] } }),
  );
  await modelsButton(page).click();
  await page.getByText("Loading and downloading models requires an admin token.").waitFor();
  expect(await page.getByRole("button", { name: /^Load |^Download/ }).count()).toBe(0);
  await page.getByRole("button", { name: "Use bee-small" }).waitFor();
});
