// Shows the pages of a worker with several models: choosing one, and managing all of them.
import { WaggleError } from "@waggle/protocol";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { spawnFakeWorker } from "../support/daemon.ts";
import { visit } from "./support/browser.ts";
import type { Watched } from "./support/browser.ts";
import { chooseModel, modelsButton, waitForModel } from "./support/choose-model.ts";
import { chatPage, say } from "./support/chat-page.ts";
import { openModelWorker, severalModels, statusesOf } from "./support/model-worker.ts";
import type { ModelWorker } from "./support/model-worker.ts";
import { problemsInLooks } from "./support/page-problems.ts";
import { sharedWorker, useBrowser } from "./support/use-browser.ts";

const browser = useBrowser();
let fakeUrl: string;
let worker: ModelWorker;
beforeAll(async () => void (fakeUrl = (await sharedWorker()).url));
afterEach(async () => {
  await worker[Symbol.asyncDispose]();
});

const { small, large, vectors } = severalModels();

describe("the chat", () => {
  async function open(): Promise<Watched> {
    worker = await openModelWorker(fakeUrl, statusesOf([small, large, vectors]));
    const visited = await visit(browser, worker.url);
    await modelsButton(visited.page).waitFor();
    return visited;
  }

  it("offers the models with their facts, requests the chosen one, and stores the choice", async () => {
    const { page, complaints } = await open();
    await waitForModel(page, "bee-small");
    await modelsButton(page).click();
    await page.locator("[data-model=bee-small]").getByText("Also called small").waitFor();
    await page
      .locator("[data-model=bee-vectors]")
      .getByText(/^embeds texts/)
      .waitFor();
    expect(await page.locator("[data-model]").getByRole("button").allInnerTexts()).toEqual(["Use"]);
    await page.getByRole("button", { name: "Close" }).click();
    const chat = chatPage(page);
    await say(chat, "hello [eog:2]");
    await chooseModel(page, "bee-large");
    await say(chat, "hello again [eog:2]");
    expect(worker.jobs.map(({ model }) => model)).toEqual(["bee-small", "bee-large"]);
    await page.getByRole("button", { name: "New conversation" }).click();
    await waitForModel(page, "bee-large");
    await page.reload();
    await waitForModel(page, "bee-large");
    expect(complaints).toEqual([]);
  });

  it("shows the progress of the model that an answer waits for", async () => {
    const busy = await spawnFakeWorker(["--slots", "1", "--fake-step-delay", "100ms"]);
    await busy.client.createJob({ prompt: "endless", on_disconnect: "continue", priority: 5 });
    worker = await openModelWorker(busy.url, statusesOf([small, large]));
    const { page } = await visit(browser, worker.url);
    await chooseModel(page, "bee-large");
    (await worker.next()).refuse(new WaggleError("unavailable", "Not now."));
    await modelsButton(page).click();
    await page.getByRole("button", { name: "Dismiss: Load bee-large" }).click();
    await page.getByRole("button", { name: "Close" }).click();
    await chatPage(page).send("hello [eog:2]");
    await page.getByText("Waiting (next in line").waitFor();
    worker.tell(statusesOf([small, { ...large, state: "waiting", reason: "bee-small has running jobs" }]));
    await page.getByText("Waiting for memory for bee-large… (next in line").waitFor();
    worker.tell(statusesOf([small, { ...large, state: "loading", progress: 0.42 }]));
    await page.getByText("Loading bee-large (42 %)… (next in line").waitFor();
    await page.locator("header").getByText("42 %").waitFor();
    worker.tell(statusesOf([small, { ...large, state: "ready" }]));
    await page.getByText("Waiting (next in line").waitFor();
    await chatPage(page).stop();
    await chatPage(page).phase("stopped");
  });

  it("does not name the model in requests at a worker with one model, whose name opens the dialog", async () => {
    worker = await openModelWorker(fakeUrl, statusesOf([small]));
    const { page } = await visit(browser, worker.url);
    const chat = chatPage(page);
    await say(chat, "hello [eog:2]");
    expect(worker.jobs[0]).not.toHaveProperty("model");
    await page.getByRole("button", { name: "Models: bee-small, ready" }).click();
    await page.locator("[data-model=bee-small]").getByText("in use").waitFor();
  });
});

describe("the status page", () => {
  async function open(): Promise<Watched> {
    worker = await openModelWorker(fakeUrl, statusesOf([small, large, vectors]));
    const visited = await visit(browser, `${worker.url}/status`);
    await visited.page.locator("[data-model=bee-large]").waitFor();
    return visited;
  }

  it("shows each model's state, memory and time until unloading, and the use of the memory budget", async () => {
    const { page, complaints } = await open();
    const row = page.locator("[data-model=bee-small]");
    await page.getByText("Loaded models take 798 MB of 4.0 GB of memory · 4 threads for all").waitFor();
    await row.getByText("650 MB of memory").waitFor();
    await row.getByText(/KV cache 150 MB · .* · measured in all 612 MB$/).waitFor();
    await row.getByText("2 of 8 slots busy · stays 5 min after its last job").waitFor();
    await page.locator("[data-model=bee-large]").getByText("3.4 GB of memory").waitFor();
    await page
      .locator("[data-model=bee-large]")
      .getByText(/downloaded from hf:bees/)
      .waitFor();
    await page
      .locator("[data-model=bee-vectors]")
      .getByText(/unloads in \d+ days/)
      .waitFor();
    await page.getByLabel("Slots of the model").selectOption("bee-vectors");
    expect(await page.getByRole("button", { name: /^Delete/ }).count()).toBe(1);
    expect(complaints).toEqual([]);
  });

  it("announces a model that is loaded, and unloads it after its last job", async () => {
    const { page } = await open();
    const row = page.locator("[data-model=bee-large]");
    worker.tell(statusesOf([small, { ...large, state: "ready", slots: { total: 8, busy: 0 } }, vectors]));
    await page.getByRole("status").getByText("bee-large is ready.").waitFor();
    await page.getByRole("button", { name: "Unload bee-large" }).click();
    const unload = await worker.next();
    expect(unload.route).toBe("unloadModel");
    await row.getByText("Unloading after the last job…").waitFor();
    expect(await row.getByRole("button", { name: "Pin bee-large" }).isDisabled()).toBe(true);
    worker.tell(statusesOf([small, large, vectors]));
    unload.answer(large);
    await page.getByText("bee-large is unloaded.").waitFor();
  });

  it("asks before it deletes a file, with its size, and reports that an admin token is required", async () => {
    const { page } = await open();
    const press = page.getByRole("button", { name: "Delete bee-large", exact: true });
    await press.click();
    await page.getByText(/deletes bee-large-Q4_K_M\.gguf \(2\.5 GB\) from the worker's disk/).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(await press.evaluate((button) => button === document.activeElement)).toBe(true);
    await press.click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    const refused = await worker.next();
    expect(refused).toMatchObject({ route: "deleteModel", path: "/v1/models/bee-large" });
    refused.refuse(new WaggleError("forbidden", "Cannot DELETE: the API token is not marked admin in the token file."));
    const row = page.locator("[data-model=bee-large]");
    await row.getByRole("alert").getByText("it requires an admin token.").waitFor();
    await row.getByRole("button", { name: "Enter an admin token" }).click();
    await page.getByLabel("API token", { exact: true }).fill("the-admins-token");
    await page.getByRole("button", { name: "Continue" }).click();
    await press.click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    const taken = await worker.next();
    worker.tell(statusesOf([small, vectors]));
    taken.answer({ id: "bee-large", object: "model", deleted: true, freed_bytes: 2_497_000_000 });
    await page.getByText("bee-large is deleted: 2.5 GB freed.").waitFor();
    await row.waitFor({ state: "detached" });
  });

  it("swaps a file, and shows both while both are loaded", async () => {
    const { page } = await open();
    await page.getByRole("button", { name: "Swap bee-small" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("File, model or reference").fill("bee-small-v2.gguf");
    await dialog.getByLabel(/Unload the old file first/).check();
    await dialog.getByRole("button", { name: "Swap" }).click();
    const swap = await worker.next();
    expect(swap.body).toEqual({ model: "bee-small", reference: "bee-small-v2.gguf", unload_first: true });
    const replacing = { file: "bee-small-v2.gguf", state: "loading" as const, progress: 0.1 };
    worker.tell(statusesOf([{ ...small, replacing }, large, vectors]));
    const row = page.locator("[data-model=bee-small]");
    await row.getByText("bee-small-v2.gguf replaces it: loading, 10 %").waitFor();
    swap.refuse(new WaggleError("resource_exhausted", "Cannot swap: both files take 5 GB, and 4 GB are there."));
    await row.getByRole("alert").getByText("both files take 5 GB").waitFor();
    await row.getByRole("button", { name: "Dismiss: Swap bee-small" }).click();
    expect(await row.getByRole("alert").count()).toBe(0);
    worker.tell(statusesOf([{ ...small, leaving: 1 }, large, vectors]));
    await row.getByText("The file before this one finishes its last jobs.").waitFor();
  });
});

it.each(["/", "/status"])("is accessible and fits with long names and failures: %s", async (path) => {
  const failed = {
    ...large,
    state: "failed" as const,
    reason: `Cannot load ${"x".repeat(90)}.gguf: it is no GGUF file.`,
  };
  const loading = { ...vectors, name: `a-${"long-".repeat(30)}name`, state: "loading" as const, progress: 0.3 };
  worker = await openModelWorker(fakeUrl, statusesOf([small, failed, loading]));
  const { page, complaints } = await visit(browser, `${worker.url}${path}`);
  if (path === "/") {
    await chooseModel(page, "bee-large");
    // Choosing it tries to load it again.
    (await worker.next()).refuse(new WaggleError("unavailable", failed.reason));
    await modelsButton(page).getByText("Change failed", { exact: true }).waitFor();
  } else {
    await page.getByText("Find or download a model").click();
    await page.getByRole("searchbox", { name: "Name or reference" }).fill("https://example.com/a.gguf");
    await page.getByRole("button", { name: "Download", exact: true }).click();
    (await worker.next()).refuse(new WaggleError("forbidden", "No."));
    await page.getByRole("button", { name: "Enter an admin token" }).waitFor();
    await page.getByText("failed", { exact: true }).first().waitFor();
  }
  expect(await problemsInLooks(page)).toEqual([]);
  expect(complaints.filter((text) => !/403|503/.test(text))).toEqual([]);
});
