// Opens the pages of a test in chromium, with a new profile, and records their errors and requests.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";

const executables = [
  process.env["WAGGLE_CHROMIUM"] ?? "",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** @throws Error with instructions if there is no browser: tests must not pass without one */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = executables.find((path) => path !== "" && existsSync(path));
  if (executablePath === undefined) {
    throw new Error(
      "Cannot test the pages: there is no chromium. Install it (Debian, Ubuntu: apt-get install -y chromium) or name one in WAGGLE_CHROMIUM.",
    );
  }
  return await chromium.launch({ executablePath, headless: true, args: flags });
}

export interface Watched {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Errors and warnings on the console, and uncaught errors. */
  readonly complaints: string[];
  /** Addresses of all requests. */
  readonly requests: string[];
}

/** Opens a page as a new visitor. */
export async function visit(
  browser: Pick<Browser, "newContext">,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const context = await browser.newContext(options);
  return await openTab(context, url);
}

/** Opens another tab of the same visitor. */
export async function openTab(context: BrowserContext, url: string): Promise<Watched> {
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(url);
  return { context, page, complaints, requests };
}
