// Shows the basics of each page, on each kind of screen: no errors, no requests to other hosts, enough contrast, few bytes.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import { spawnDaemon, spawnFakeWorker } from "../support/daemon.ts";
import { visit } from "./support/browser.ts";
import type { Watched } from "./support/browser.ts";
import { chatPage } from "./support/chat-page.ts";
import { inspectPage } from "./support/inspect-page.ts";
import { useBrowser } from "./support/use-browser.ts";

/** Limits of the files that a page loads at its start, with gzip: the larger one of the two forms in which they are served. */
const pageWeightLimits = { chat: 100_000, hive: 100_000, status: 100_000, reference: 50_000 };
const dist = new URL("../../apps/pages/dist/", import.meta.url);

const browser = useBrowser();
let workerUrl: string;
let hiveUrl: string;
beforeAll(async () => {
  hiveUrl = (await spawnDaemon("hive", ["--port", "0"])).url;
  workerUrl = (await spawnFakeWorker(["--hive-url", hiveUrl, "--worker-id", "bee-1"])).url;
});

const scenes: Readonly<Record<string, (options: Parameters<typeof visit>[2]) => Promise<Watched>>> = {
  welcome: async (options) => {
    const visited = await visit(browser, workerUrl, options);
    await visited.page.locator(".suggestion").nth(2).waitFor();
    return visited;
  },
  chat: async (options) => {
    const visited = await visit(browser, workerUrl, options);
    await chatPage(visited.page).send("hello [eog:40]");
    await chatPage(visited.page).phase("done");
    return visited;
  },
  settings: async (options) => {
    const visited = await visit(browser, workerUrl, options);
    await visited.page.getByRole("button", { name: "Settings" }).click();
    await visited.page.getByLabel("Temperature").waitFor();
    return visited;
  },
  hive: async (options) => {
    const visited = await visit(browser, hiveUrl, options);
    await visited.page.locator("[data-worker=bee-1]").waitFor();
    return visited;
  },
  status: async (options) => {
    const visited = await visit(browser, `${workerUrl}/status`, options);
    await visited.page.getByText("0 of 8 busy").waitFor();
    return visited;
  },
};

const looks = {
  light: { colorScheme: "light", viewport: { width: 1_200, height: 800 } },
  dark: { colorScheme: "dark", viewport: { width: 1_200, height: 800 } },
  "phone, dark": { colorScheme: "dark", viewport: { width: 360, height: 700 }, hasTouch: true, isMobile: true },
} as const;

describe.each(Object.keys(scenes))("%s", (name) => {
  it.each(Object.keys(looks))("in %s", async (look) => {
    const scene = scenes[name];
    if (scene === undefined) throw new Error(`There is no scene ${name}`);
    const { page, context, complaints, requests } = await scene(looks[look as keyof typeof looks]);
    expect(await page.evaluate(inspectPage)).toEqual({ lowContrast: [], nameless: [], overflow: 0 });
    expect(complaints).toEqual([]);
    expect(requests.filter((url) => new URL(url).origin !== new URL(page.url()).origin)).toEqual([]);
    await context.close();
  });
});

it("switches its colours by a button, and stores the choice", async () => {
  const { page, context } = await visit(browser, workerUrl, { colorScheme: "light" });
  const background = (): Promise<string> =>
    page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await background();
  await page.getByRole("button", { name: "Colours: system" }).click();
  await page.getByRole("button", { name: "Colours: light" }).click();
  await page.getByRole("button", { name: "Colours: dark" }).waitFor();
  const dark = await background();
  expect(dark).not.toBe(light);
  await page.goto(`${workerUrl}/status`);
  await page.getByRole("button", { name: "Colours: dark" }).waitFor();
  expect(await background()).toBe(dark);
  await context.close();
});

it.each(Object.entries(pageWeightLimits))("loads few bytes: %s", (page, limitBytes) => {
  const html = readFileSync(new URL(`${page}.html`, dist));
  const assets = [...html.toString().matchAll(/(?:src|href)="\/([^"]+)"/g)].map((match) => match[1] ?? "");
  const imported = assets.flatMap((asset) => importsOf(asset));
  const files = new Set([...assets, ...imported]);
  const bytes = [...files].reduce((sum, file) => sum + gzipSync(readFileSync(new URL(file, dist))).byteLength, 0);
  expect(files.size).toBeGreaterThan(2);
  // Code that only some answers need is loaded on demand.
  expect([...files].filter((file) => /formula-drawing|code-colours|javascript|python/.test(file))).toEqual([]);
  expect(bytes + gzipSync(html).byteLength).toBeLessThan(limitBytes);
});

it("has a compressed version of every file", () => {
  const files = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.(js|css|html)$/.test(name),
  );
  expect(files.length).toBeGreaterThan(3);
  for (const file of files) expect(existsSync(new URL(`${file}.br`, dist))).toBe(true);
});

/** All scripts that a script imports at its start. */
function importsOf(asset: string): string[] {
  if (!asset.endsWith(".js")) return [];
  const text = readFileSync(new URL(asset, dist), "utf8");
  const names = [...text.matchAll(/(?:from|import)\s*["']\.\/([^"']+\.js)["']/g)].map((match) => `assets/${match[1]}`);
  return [...names, ...names.flatMap((name) => importsOf(name))];
}
