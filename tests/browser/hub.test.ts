// Shows the search for models in the chat's dialog: against a hub on this machine, and without one.
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startModelServer } from "@waggle/models/testing/model-server";
import type { ModelServer } from "@waggle/models/testing/model-server";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { spawnFakeWorker } from "../support/daemon.ts";
import { visit } from "./support/browser.ts";
import { problemsInLooks } from "./support/page-problems.ts";
import { useBrowser } from "./support/use-browser.ts";

const browser = useBrowser();
let hub: ModelServer;
let folder: string;
let url: string;

beforeAll(async () => {
  const content = await readFile(new URL("../../models/waggle-tiny-stories.gguf", import.meta.url));
  folder = await mkdtemp(join(tmpdir(), "browser-hub-"));
  hub = await startModelServer({
    content,
    etag: '"1"',
    manifestFile: "story-Q8_0.gguf",
    listed: ["story-F16.gguf"],
    listedBytes: { "story-Q8_0.gguf": content.length, "story-F16.gguf": 9e15 },
    found: [
      { id: "bees/story-GGUF", downloads: 12, likes: 1, gated: false },
      { id: "bees/a-very-long-name-of-a-model-that-has-to-wrap-on-a-phone-GGUF", downloads: 1_234_567, likes: 70 },
    ],
  });
  url = (await spawnFakeWorker(["--hub-url", hub.url, "--models-dir", folder])).url;
});
afterAll(async () => {
  await hub[Symbol.asyncDispose]();
});

async function open(at: string): Promise<Page> {
  const { page } = await visit(browser, at);
  await page.getByRole("button", { name: /^Models: / }).click();
  await page.getByRole("heading", { name: "Find another model" }).waitFor();
  return page;
}

async function search(page: Page, query: string): Promise<void> {
  await page.getByRole("searchbox", { name: "Name or reference" }).fill(query);
  await page.getByRole("button", { name: "Search", exact: true }).click();
}

it("finds models, shows their files with size and fit, and downloads one", async () => {
  const page = await open(url);
  await search(page, "stories & tales");
  await page.getByText(/^2 models of 127\.0\.0\.1:\d+, most downloads first$/).waitFor();
  expect(hub.requests.at(-1)).toContain("search=stories+%26+tales&filter=gguf&sort=downloads");
  expect(await page.locator("[data-reference]").first().locator("h4").innerText()).toContain("a-very-long-name");
  await page.getByText("1,234,567 downloads in a month · 70 likes").waitFor();
  await page.getByRole("button", { name: "Files of bees/story-GGUF" }).click();
  await page.locator("[data-file='story-Q8_0.gguf']").getByText("fits", { exact: true }).waitFor();
  await page
    .locator("[data-file='story-Q8_0.gguf']")
    .getByText(/^2\.8 MB · needs \d+ MB of memory for/)
    .waitFor();
  await page.locator("[data-file='story-F16.gguf']").getByText("does not fit").waitFor();
  expect(await problemsInLooks(page)).toEqual([]);
  const file = page.locator("[data-file='story-Q8_0.gguf']");
  await file.getByText("take this one").waitFor();
  await file.getByRole("button", { name: "Download: story-Q8_0.gguf" }).click();
  await file.getByRole("button", { name: /^Use / }).waitFor();
  expect(await page.getByRole("button", { name: "Download: story-Q8_0.gguf" }).count()).toBe(0);

  // The file is here for another visitor, too.
  const other = await open(url);
  await search(other, "story");
  await other.getByRole("button", { name: "Files of bees/story-GGUF" }).click();
  await other.locator("[data-file='story-Q8_0.gguf']").getByRole("button", { name: /^Use / }).waitFor();
});

it("says what went wrong, and searches again", async () => {
  const gone = await startModelServer({ content: Buffer.from("") });
  const worker = await spawnFakeWorker(["--hub-url", gone.url]);
  await gone[Symbol.asyncDispose]();
  const page = await open(worker.url);
  await search(page, "bees");
  await page
    .getByRole("alert")
    .getByText(/^Cannot search for models: http:\/\/127\.0\.0\.1:\d+ cannot be reached \(connection refused\)/)
    .waitFor();
});
