// Shows that axe-core has no finding of any weight in any scene of the pages, in both themes and at three widths.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { axeFindings } from "./support/axe-findings.ts";
import { visit } from "./support/browser.ts";
import { scenes, startServers, widths, type Servers, type Width } from "./support/scenes.ts";
import { useBrowser } from "./support/use-browser.ts";

/** Findings in a failure message: a single wrong colour causes many. */
const maxListed = 20;
const themes = ["light", "dark"] as const;

const browser = useBrowser();
let servers: Servers;
beforeAll(async () => {
  // The run removes its temporary folders.
  servers = await startServers(mkdtempSync(join(tmpdir(), "waggle-scenes-")));
});

describe("axe finds nothing", () => {
  it.each(Object.entries(scenes))("%s", async (_, { open, at = Object.keys(widths) as Width[] }) => {
    // Reduced motion: animations would change the colours during the check.
    const { page, context } = await visit(browser, "about:blank", { reducedMotion: "reduce", viewport: widths.wide });
    await open(page, servers);
    const found: string[] = [];
    for (const width of at) {
      await page.setViewportSize(widths[width]);
      for (const colorScheme of themes) {
        await page.emulateMedia({ colorScheme });
        const findings = await axeFindings(page);
        found.push(...findings.map((finding) => `${width}, ${colorScheme}: ${finding}`));
      }
    }
    await context.close();
    expect(found.slice(0, maxListed)).toEqual([]);
  });
});
