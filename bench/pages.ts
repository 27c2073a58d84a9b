// Measures the load of the chat page's main thread during a long answer. The fake backend produces prose with code, tables and formulas at a
// steady rate; chromium's counters and trace show how busy the thread was, and how long its tasks were.
import { readFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import {
  guarded,
  integerOf,
  markdownTable,
  percentile,
  startWorker,
  type ProcessGroups,
} from "@waggle/testing/harness";
import type { Command } from "commander";
import { chromium, type CDPSession, type Page } from "playwright-core";

interface Flags {
  readonly tokens: string;
  readonly rate: string;
  readonly words?: true;
  readonly pages?: string;
  readonly chromium: string;
}

export function addPages(command: Command): void {
  command
    .option("--tokens <n>", "tokens of the answer", "18500")
    .option("--rate <n>", "tokens per second", "200")
    .option("--words", "one long paragraph of words instead of a document")
    .option("--pages <folder>", "folder of built pages (default: the pages of this checkout)")
    .option("--chromium <path>", "path of the browser", "/usr/bin/chromium")
    .action((flags: Flags) => guarded("bench pages", (groups) => measure(groups, flags)));
}

/** Shortest long task, as `PerformanceObserver` defines it. */
const longTaskMs = 50;

async function measure(groups: ProcessGroups, flags: Flags): Promise<void> {
  const tokens = integerOf("--tokens", flags.tokens, 1, 1_000_000);
  const stepDelayMs = 1_000 / integerOf("--rate", flags.rate, 1, 100_000);
  await using worker = await startWorker(groups, {
    flags: ["--backend", "fake", "--fake-step-delay", `${stepDelayMs}ms`, "--context-size", "65536"],
  });
  const browser = await chromium.launch({ executablePath: flags.chromium, args: ["--no-sandbox", "--disable-gpu"] });
  const page = await browser.newPage({ viewport: { width: 1_280, height: 800 } });
  if (flags.pages !== undefined) await serve(page, flags.pages);
  await page.goto(worker.url);
  await direct(page, tokens, flags.words === true);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
  const tasks = await tracedTasks(devtools);
  await page.getByRole("textbox", { name: "Message", exact: true }).fill("Continue.");
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
  console.log(
    markdownTable(
      ["figure", "value"],
      [
        ["answer", `${tokens} tokens, ${chars} characters shown, ${seconds.toFixed(0)} s`],
        ["CPU use of the main thread", share("TaskDuration")],
        ["of which scripts", share("ScriptDuration")],
        ["of which layout and style", `${share("LayoutDuration")} and ${share("RecalcStyleDuration")}`],
        ["long tasks, wall time", longOf(durations.map(({ wallMs }) => wallMs))],
        ["long tasks, CPU time", longOf(durations.map(({ cpuMs }) => cpuMs))],
        ["all tasks, wall time", allOf(durations.map(({ wallMs }) => wallMs))],
        ["all tasks, CPU time", allOf(durations.map(({ cpuMs }) => cpuMs))],
      ],
    ),
  );
}

function longOf(list: readonly number[]): string {
  const those = list.filter((ms) => ms >= longTaskMs);
  const at = (p: number): string => percentile(those, p).toFixed(0);
  return those.length === 0
    ? `none over ${longTaskMs} ms`
    : `${those.length}; p50 ${at(0.5)}, p95 ${at(0.95)}, p99 ${at(0.99)}, longest ${Math.max(...those).toFixed(0)} ms`;
}

function allOf(list: readonly number[]): string {
  return `${list.length}; p99 ${percentile(list, 0.99).toFixed(1)}, longest ${Math.max(...list).toFixed(0)} ms`;
}

/** Replaces the messages in the page's requests by markers that determine the fake model's answer. */
async function direct(to: Page, tokens: number, words: boolean): Promise<void> {
  await to.route("**/v1/jobs", async (route) => {
    if (route.request().method() !== "POST") return await route.continue();
    const asked = route.request().postDataJSON() as Record<string, unknown>;
    const messages = [{ role: "user", content: `${words ? "" : "[document]"}[eog:${tokens}]` }];
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

/** Records every task of the page's main thread until `stop` is called. */
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
