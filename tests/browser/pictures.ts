// Photographs each scene at three widths, light and dark, so that a change of the pages can be looked at. Run it with
//   npx --yes pnpm@12.21.0 --filter @waggle/tests pictures FOLDER [PART OF A SCENE'S NAME]
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Page } from "playwright-core";
import { setup as buildPages } from "../support/build-pages.ts";
import { killDaemons } from "../support/daemon.ts";
import { launchBrowser, visit } from "./support/browser.ts";
import { scenes, startServers, widths, type Width } from "./support/scenes.ts";

/** Of a scene, on a machine with other work. */
const limitMs = 60_000;

/** @param place folder and name of the pictures, without width and theme */
async function photograph(page: Page, place: string, at: readonly Width[]): Promise<void> {
  for (const width of at) {
    await page.setViewportSize(widths[width]);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      // The charts change their widths with the next frames.
      await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
      const path = `${place}-${widths[width].width}-${colorScheme}.png`;
      await page.screenshot({ path, fullPage: /status|hive|reference/.test(place) });
    }
  }
}

const [folder = "pictures", part = ""] = process.argv.slice(2);
const target = resolve(folder);
await mkdir(target, { recursive: true });
await buildPages();
const kept = await mkdtemp(join(tmpdir(), "waggle-scenes-"));
const browser = await launchBrowser();
try {
  const servers = await startServers(kept);
  for (const [name, { open, at = Object.keys(widths) as Width[] }] of Object.entries(scenes)) {
    if (!name.includes(part)) continue;
    const { page, context } = await visit(browser, "about:blank", { reducedMotion: "reduce", viewport: widths.wide });
    context.setDefaultTimeout(limitMs);
    await open(page, servers);
    await photograph(page, join(target, name.replaceAll(/\W+/g, "-")), at);
    await context.close();
    console.log(name);
  }
} finally {
  await browser.close();
  await killDaemons();
  await rm(kept, { recursive: true });
}
