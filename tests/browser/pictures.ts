// Photographs each scene at three widths, light and dark, so that a change of the pages can be looked at. Run it with
//   npx --yes pnpm@12.21.0 --filter @waggle/tests pictures FOLDER [PART OF A SCENE'S NAME]
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { killDaemons } from "../support/daemon.ts";
import { setup as buildPages } from "../support/build-pages.ts";
import { launchBrowser, visit } from "./support/browser.ts";
import { scenes, startServers, widths, type Width } from "./support/scenes.ts";

const [folder = "pictures", part = ""] = process.argv.slice(2);
await mkdir(folder, { recursive: true });
await buildPages();
const browser = await launchBrowser();
try {
  const servers = await startServers();
  for (const [name, { open, at = Object.keys(widths) as Width[] }] of Object.entries(scenes)) {
    if (!name.includes(part)) continue;
    try {
      const { page, context } = await visit(browser, "about:blank", { reducedMotion: "reduce", viewport: widths.wide });
      context.setDefaultTimeout(30_000);
      await open(page, servers);
      for (const width of at) {
        await page.setViewportSize(widths[width]);
        for (const colorScheme of ["light", "dark"] as const) {
          await page.emulateMedia({ colorScheme });
          // The charts change their widths with the next frames.
          await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
          const file = `${name.replaceAll(/\W+/g, "-")}-${widths[width].width}-${colorScheme}.png`;
          await page.screenshot({ path: join(folder, file), fullPage: /status|hive|reference/.test(name) });
        }
      }
      await context.close();
      console.log(name);
    } catch (error) {
      process.exitCode = 1;
      console.log(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
} finally {
  await browser.close();
  await killDaemons();
}
