// Shows the basics of every scene of the pages, in both themes and at three widths: axe-core has no finding, nothing overflows, the page has no
// errors and requests nothing from other hosts. Also shows that pages have few bytes, and the switch of colours.
import { existsSync, mkdtempSync, readFileSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import { visit } from "./support/browser.ts";
import { problemsInLooks } from "./support/page-problems.ts";
import { scenes, startServers, widths, type Servers, type Width } from "./support/scenes.ts";
import { useBrowser } from "./support/use-browser.ts";

/** Findings in a failure message: a single wrong colour causes many. */
const maxListed = 20;
/** Limits of the files that a page loads at its start, with gzip: the larger one of the two forms in which they are served. */
const pageWeightLimits = { chat: 100_000, hive: 50_000, status: 100_000, reference: 50_000 };
const dist = new URL("../../apps/pages/dist/", import.meta.url);

const browser = useBrowser();
let servers: Servers;
beforeAll(async () => {
  // The run removes its temporary folders.
  servers = await startServers(mkdtempSync(join(tmpdir(), "waggle-scenes-")));
});

describe("has no finding, no error and no stranger", () => {
  it.each(Object.entries(scenes))("%s", async (_, { open, complains, at = Object.keys(widths) as Width[] }) => {
    const options = { reducedMotion: "reduce", viewport: widths.wide } as const;
    const { page, complaints, requests } = await visit(browser, "about:blank", options);
    await open(page, servers);
    const pixels = at.map((width) => widths[width].width);
    expect((await problemsInLooks(page, pixels)).slice(0, maxListed)).toEqual([]);
    expect(complaints.filter((complaint) => complains?.test(complaint) !== true)).toEqual([]);
    const { origin } = new URL(page.url());
    expect(requests.filter((url) => url.startsWith("http") && new URL(url).origin !== origin)).toEqual([]);
  });
});

it("switches its colours by a button, and stores the choice", async () => {
  const { page } = await visit(browser, servers.workerUrl, { colorScheme: "light" });
  const background = (): Promise<string> =>
    page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await background();
  await page.getByRole("button", { name: "Colours: system" }).click();
  await page.getByRole("button", { name: "Colours: light" }).click();
  await page.getByRole("button", { name: "Colours: dark" }).waitFor();
  const dark = await background();
  expect(dark).not.toBe(light);
  await page.goto(`${servers.workerUrl}/status`);
  await page.getByRole("button", { name: "Colours: dark" }).waitFor();
  expect(await background()).toBe(dark);
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
