// Owns the browser and the usual workers of the tests: one of each for all files that a process runs. Each test has its own visitors.
import { createWorkerClient } from "@waggle/client";
import { createProcessGroups, startDaemon, type ProcessGroups } from "@waggle/testing/harness";
import type { Browser } from "playwright-core";
import { afterAll, afterEach } from "vitest";
import { killDaemons, type ListeningWorker } from "../../support/daemon.ts";
import { launchBrowser } from "./browser.ts";

/** Ends a test that hangs. All waits are for texts and requests, which come late on a machine with other work. */
const waitLimitMs = 120_000;

interface Shared {
  browser?: Promise<Browser>;
  readonly groups: ProcessGroups;
  readonly workers: Map<string, Promise<ListeningWorker>>;
}

// Every file of this process imports this module, and may get another copy of it.
const shared: Shared = ((globalThis as { waggleBrowser?: Shared }).waggleBrowser ??= createShared());

function createShared(): Shared {
  const groups = createProcessGroups("browser");
  process.once("exit", () => groups.killAll());
  return { groups, workers: new Map() };
}

/** Resolves with the worker of these flags, on the fake backend. It has no job when a test begins, and no test may end it. */
export async function sharedWorker(...flags: readonly string[]): Promise<ListeningWorker> {
  const key = flags.join(" ");
  const started = shared.workers.get(key) ?? startWorker(flags);
  shared.workers.set(key, started);
  return await started;
}

async function startWorker(flags: readonly string[]): Promise<ListeningWorker> {
  const usual = ["--local-mode", "--port", "0", "--log-format", "json", "--backend", "fake"];
  const daemon = await startDaemon(shared.groups, { name: "worker", flags: [...usual, ...flags] });
  await daemon.line("ready");
  const { url } = await daemon.line("listening");
  return { ...daemon, url, client: createWorkerClient({ baseUrl: url }) };
}

/** Ends the answers that the pages of a test have left. */
async function endJobs({ client }: ListeningWorker): Promise<void> {
  const { jobs } = await client.jobs();
  for (const { job_id: id } of jobs) await client.cancelJob(id).catch(() => {});
}

export type Contexts = Pick<Browser, "newContext" | "contexts">;

export interface UseBrowserOptions {
  /** Lifetime of the daemons that the file starts itself; all tests by default. */
  readonly daemons?: "each test" | "all tests";
}

export function useBrowser({ daemons = "all tests" }: UseBrowserOptions = {}): Contexts {
  let browser: Browser | undefined;
  afterEach(async () => {
    await Promise.all(contexts.contexts().map((context) => context.close()));
    if (daemons === "each test") await killDaemons();
    for (const worker of shared.workers.values()) await endJobs(await worker);
  });
  afterAll(killDaemons);
  const contexts: Contexts = {
    async newContext(options) {
      browser = await (shared.browser ??= launchBrowser());
      const context = await browser.newContext(options);
      context.setDefaultTimeout(waitLimitMs);
      return context;
    },
    contexts: () => browser?.contexts() ?? [],
  };
  return contexts;
}
