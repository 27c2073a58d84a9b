// Checks how a page looks: axe-core has no finding of any weight, such as a low contrast or a control without a name, and nothing overflows.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type axe from "axe-core";
import type { Page } from "playwright-core";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const [wide, phone] = [1_280, 390];

/** @returns the findings with their elements, and the pixels by which the page is wider than the window */
export async function pageProblems(page: Page): Promise<string[]> {
  await page.evaluate(axeSource);
  return await page.evaluate(async () => {
    // Charts change their widths with the next frame.
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    const { axe: tool } = globalThis as unknown as { readonly axe: typeof axe };
    // A sandboxed frame cannot answer axe-core, and Chromium complains of a question to a frame that has not loaded.
    const { violations } = await tool.run(document, { resultTypes: ["violations"], iframes: false });
    const overflow = document.documentElement.scrollWidth - innerWidth;
    return [
      ...violations.flatMap(({ id, nodes }) =>
        nodes.map((node) => `${id}: ${node.target.join(" ")} ${node.any[0]?.message ?? node.html.slice(0, 120)}`),
      ),
      ...(overflow > 0 ? [`the page is ${overflow} pixels wider than the window`] : []),
    ];
  });
}

/** Checks the shown page in both themes at each width. */
export async function problemsInLooks(page: Page, widths: readonly number[] = [wide, phone]): Promise<string[]> {
  const found: string[] = [];
  for (const width of widths) {
    await page.setViewportSize({ width, height: 800 });
    for (const colorScheme of ["light", "dark"] as const) {
      // Animations would change the colours during the check.
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      found.push(...(await pageProblems(page)).map((problem) => `${colorScheme}, ${width} wide: ${problem}`));
    }
  }
  return found;
}
