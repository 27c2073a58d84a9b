// Owns the browser of a test file: one browser for all tests, whose pages are closed after each test.
import { availableParallelism, loadavg } from "node:os";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll } from "vitest";
import { killDaemons } from "../../support/daemon.ts";
import { launchBrowser } from "./browser.ts";

/** Time limit of a wait on a free machine: a test whose text is missing is red soon. */
const waitLimitMs = 20_000;
/** A machine with more work than cores gets as much more time, because a page takes up to ten times as long there. */
const mostTimes = 6;

function waitLimitNow(): number {
  const [load = 0] = loadavg();
  return waitLimitMs * Math.min(Math.max(load / availableParallelism(), 1), mostTimes);
}

export type Contexts = Pick<Browser, "newContext" | "contexts">;

export interface UseBrowserOptions {
  /** Lifetime of the daemons that the file starts; all tests by default. */
  readonly daemons?: "each test" | "all tests";
}

export function useBrowser({ daemons = "all tests" }: UseBrowserOptions = {}): Contexts {
  let browser: Browser | undefined;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterEach(async () => {
    await Promise.all(contexts.contexts().map((context) => context.close()));
    if (daemons === "each test") await killDaemons();
  });
  afterAll(async () => {
    await browser?.close();
    await killDaemons();
  });
  function launched(): Browser {
    if (browser === undefined)
      throw new Error("There is no browser yet: open pages in a test, or in a hook after useBrowser.");
    return browser;
  }
  const contexts: Contexts = {
    async newContext(options) {
      const context = await launched().newContext(options);
      context.setDefaultTimeout(waitLimitNow());
      return context;
    },
    contexts: () => launched().contexts(),
  };
  return contexts;
}
