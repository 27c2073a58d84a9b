// What a long answer costs the chat page's main thread: the fake backend says prose with code, tables and formulas at a steady rate to a page in
// chromium, and the browser's own counters and trace tell how busy the thread was and how long its tasks were.
//   node --conditions=waggle-source --import tsx bench/pages.ts [--tokens 18500] [--rate 200] [--words] [--pages <another dist folder>] [--chromium <path>]
import { readFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createProcessGroups, markdownTable, percentile, startWorker } from "@waggle/harness";
import { chromium, type CDPSession, type Page } from "playwright-core";

const { values } = parseArgs({
  options: {
    tokens: { type: "string", default: "18500" },
    rate: { type: "string", default: "200" },
    /** One paragraph of words without end, rather than a document. */
    words: { type: "boolean", default: false },
    /** Built pages to measure instead of those of this checkout. */
    pages: { type: "string" },
    chromium: { type: "string", default: "/usr/bin/chromium" },
  },
});
const tokens = Number(values.tokens);
const stepDelayMs = 1_000 / Number(values.rate);
/** As `PerformanceObserver` counts them. */
const longTaskMs = 50;

const groups = createProcessGroups("bench");
await using worker = await startWorker(groups, {
  flags: ["--backend", "fake", "--fake-step-delay", `${stepDelayMs}ms`, "--context-size", "65536"],
});
const browser = await chromium.launch({ executablePath: values.chromium, args: ["--no-sandbox", "--disable-gpu"] });
const page = await browser.newPage({ viewport: { width: 1_280, height: 800 } });
if (values.pages !== undefined) await serve(page, values.pages);
await page.goto(worker.url);
await direct(page);
const devtools = await page.context().newCDPSession(page);
await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
const tasks = await tracedTasks(devtools);
await page.getByRole("textbox", { name: "Message", exact: true }).fill("Go on.");
const begun = performance.now();
const before = await counters(devtools);
await page.keyboard.press("Enter");
await page.locator(".turn:last-child[data-phase=done]").waitFor({ timeout: 600_000 });
const after = await counters(devtools);
const seconds = (performance.now() - begun) / 1_000;
const durations = await tasks.stop();
const chars = (await page.locator(".answer .markdown").last().textContent())?.length ?? 0;
await browser.close();

const share = (name: string): string =>
  `${((100 * ((after[name] ?? 0) - (before[name] ?? 0))) / seconds).toFixed(1)} %`;
const long = (list: readonly number[]): string => {
  const those = list.filter((ms) => ms >= longTaskMs);
  const at = (p: number): string => percentile(those, p).toFixed(0);
  return those.length === 0
    ? `none over ${longTaskMs} ms`
    : `${those.length}; p50 ${at(0.5)}, p95 ${at(0.95)}, p99 ${at(0.99)}, longest ${Math.max(...those).toFixed(0)} ms`;
};
const all = (list: readonly number[]): string =>
  `${list.length}; p99 ${percentile(list, 0.99).toFixed(1)}, longest ${Math.max(...list).toFixed(0)} ms`;
console.log(
  markdownTable(
    ["figure", "value"],
    [
      ["answer", `${tokens} tokens, ${chars} characters shown, ${seconds.toFixed(0)} s`],
      ["main thread busy, of its CPU", share("TaskDuration")],
      ["of it script", share("ScriptDuration")],
      ["of it layout and style", `${share("LayoutDuration")} and ${share("RecalcStyleDuration")}`],
      ["long tasks by the clock", long(durations.map(({ wallMs }) => wallMs))],
      ["long tasks by CPU", long(durations.map(({ cpuMs }) => cpuMs))],
      ["all tasks by the clock", all(durations.map(({ wallMs }) => wallMs))],
      ["all tasks by CPU", all(durations.map(({ cpuMs }) => cpuMs))],
    ],
  ),
);

/** What the page asks for goes on with the markers that make the fake say its document. */
async function direct(to: Page): Promise<void> {
  await to.route("**/v1/jobs", async (route) => {
    if (route.request().method() !== "POST") return await route.continue();
    const asked = route.request().postDataJSON() as Record<string, unknown>;
    const messages = [{ role: "user", content: `${values.words ? "" : "[document]"}[eog:${tokens}]` }];
    return await route.continue({ postData: JSON.stringify({ ...asked, messages, max_tokens: tokens + 1 }) });
  });
}

async function serve(to: Page, folder: string): Promise<void> {
  const types: Record<string, string> = {
    js: "text/javascript",
    css: "text/css",
    html: "text/html",
    svg: "image/svg+xml",
  };
  await to.route(/\/(assets\/.*|favicon\.svg)?$/, async (route) => {
    const path = new URL(route.request().url()).pathname;
    const file = join(folder, path === "/" ? "chat.html" : path);
    if (!existsSync(file)) return await route.continue();
    return await route.fulfill({ body: readFileSync(file), contentType: types[file.split(".").at(-1) ?? ""] ?? "" });
  });
}

async function counters(session: CDPSession): Promise<Record<string, number>> {
  const { metrics } = await session.send("Performance.getMetrics");
  return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
}

interface Task {
  readonly wallMs: number;
  readonly cpuMs: number;
}

/** Every task of the page's main thread from now on. */
async function tracedTasks(session: CDPSession): Promise<{ stop(): Promise<readonly Task[]> }> {
  interface TraceEvent {
    readonly name: string;
    readonly ph: string;
    readonly pid: number;
    readonly tid: number;
    readonly dur?: number;
    readonly tdur?: number;
    readonly args?: { readonly name?: string };
  }
  const events: TraceEvent[] = [];
  session.on("Tracing.dataCollected", ({ value }) => void events.push(...(value as unknown as TraceEvent[])));
  await session.send("Tracing.start", {
    traceConfig: { includedCategories: ["toplevel", "__metadata"], recordMode: "recordAsMuchAsPossible" },
  });
  return {
    async stop() {
      const complete = new Promise<unknown>((resolve) => session.once("Tracing.tracingComplete", resolve));
      await session.send("Tracing.end");
      await complete;
      const mains = new Set(
        events.filter(({ args }) => args?.name === "CrRendererMain").map(({ pid, tid }) => `${pid} ${tid}`),
      );
      return events
        .filter(({ name, pid, tid }) => name.endsWith("RunTask") && mains.has(`${pid} ${tid}`))
        .map(({ dur = 0, tdur = 0 }) => ({ wallMs: dur / 1_000, cpuMs: tdur / 1_000 }));
    },
  };
}
