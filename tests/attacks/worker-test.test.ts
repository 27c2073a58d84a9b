// Tests `xtask worker:test` with real processes: it passes for a correct worker, catches cheating workers, and leaves no process behind.
import { randomBytes } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "@waggle/async";
import { createLeftoverCheck, familyOf, listProcesses, repositoryPath } from "@waggle/testing/harness";
import type { ProcessEntry } from "@waggle/testing/harness";
import { needs } from "@waggle/testing";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { rowsOfKind } from "../support/long.ts";

const source = ["--import", "tsx"];
const folder = mkdtempSync(join(tmpdir(), "waggle-tests-"));

interface Outcome {
  readonly ok: boolean;
  readonly failures: readonly string[];
  readonly tokens: number;
  readonly done: boolean;
  readonly text: string;
  readonly heartbeats: number;
  readonly registered: boolean;
  readonly ports_free: boolean;
  readonly processes_left: number;
  readonly duration_ms: number;
}

/** Only ends a run that hangs: several workers start from source at the same time. */
const patience = ["--timeout", "240"];

const xtask = (...flags: string[]) =>
  execa(process.execPath, [...source, "tools/xtask/src/main.ts", "worker:test", ...patience, ...flags], {
    cwd: repositoryPath(""),
    reject: false,
    // By default execa sends SIGKILL five seconds after SIGTERM; a busy machine needs longer to stop the worker.
    forceKillAfterDelay: false,
  });

/** Runs worker:test with `--json`; stdout must be a single JSON object. */
async function workerTest(...flags: string[]): Promise<{ exitCode: number | undefined; outcome: Outcome }> {
  const { exitCode, stdout } = await xtask("--json", ...flags);
  return { exitCode, outcome: JSON.parse(stdout) as Outcome };
}

function cheating(mode: string): string[] {
  return [
    "--worker-command",
    JSON.stringify([process.execPath, ...source, "tools/xtask/src/testing/cheating-worker.ts", mode]),
  ];
}

describe("a correct worker", () => {
  it("passes with the embedded model, once with --json, and once with steps, tokens and a table in its output", async () => {
    const { exitCode, outcome } = await workerTest();
    expect(outcome.failures).toEqual([]);
    expect(outcome).toMatchObject({ ok: true, done: true, registered: true, ports_free: true, processes_left: 0 });
    expect(outcome.tokens).toBeGreaterThan(20);
    expect(outcome.text.length).toBeGreaterThan(40);
    expect(outcome.heartbeats).toBeGreaterThan(0);
    expect(exitCode).toBe(0);
    const shown = await xtask("--max-tokens", "40", "--prompt", "One day, a little dog");
    expect(shown.stdout).toMatch(
      /✓ Registered at the hive[\s\S]*▸ One day, a little dog\n\s+\S[\s\S]*✓ Stream is real[\s\S]*tokens a second/,
    );
    expect(shown.stdout).toMatch(/PASSED in .*\n\n {2}Next: npx waggle run ".*"\n +npx waggle serve /);
    expect(shown.exitCode).toBe(0);
  });

  it("passes when two tests run in parallel", needs("a long run"), async () => {
    const [one, two] = await Promise.all([workerTest(), workerTest()]);
    expect([one.outcome.failures, two.outcome.failures]).toEqual([[], []]);
    expect([one.exitCode, two.exitCode]).toEqual([0, 0]);
  });
});

describe("a model that cannot be loaded", () => {
  it("is a failure that names the missing file", async () => {
    const { exitCode, outcome } = await workerTest("--model", "/no/such.gguf");
    expect(outcome.failures).toHaveLength(1);
    expect(outcome.failures[0]).toMatch(/exit code 66.*\/no\/such\.gguf: .+/);
    expect(outcome).toMatchObject({ ok: false, ports_free: true, processes_left: 0 });
    expect(exitCode).toBe(1);
  });

  it("is a failure that names a file of random bytes", needs("a long run"), async () => {
    const file = join(folder, "random.gguf");
    writeFileSync(file, randomBytes(100_000));
    const { stdout, exitCode } = await xtask("--model", file);
    expect(stdout).toMatch(/✗ The worker left with exit code 66.*random\.gguf: .+/);
    expect(stdout).toContain("The worker's log:");
    expect(exitCode).toBe(1);
  });
});

describe("a cheating worker", () => {
  it.concurrent.each(
    rowsOfKind([
      ["lump", /in a lump/],
      ["sleeps", /p95 of \|arrival - t_ms\|/],
      ["heldBack", /tokens were held back/],
      ["unclean", /left with exit code 3/],
      ["orphan", /did not leave and was killed/],
    ] as const),
  )("is caught when its mode is %s", async (mode, failure) => {
    const { exitCode, outcome } = await workerTest(...cheating(mode));
    expect(outcome.failures.join("\n")).toMatch(failure);
    expect(outcome.ok).toBe(false);
    expect(exitCode).toBe(1);
  });

  it.concurrent.each([
    ["silent", /No event for 45 s, after 1 events/],
    ["endless", /Timed out after 90 s, while tokens were streaming/],
    ["deaf", /The worker did not exit within 10 s of SIGTERM/],
  ] as const)("fails at a time limit when its mode is %s", needs("a long run"), async (mode, failure) => {
    // Leaves half of the time for a start while other tests run.
    const { exitCode, outcome } = await workerTest("--timeout", "90", ...cheating(mode));
    expect(outcome.failures.join("\n")).toMatch(failure);
    expect(exitCode).toBe(1);
  });

  it("passes in its honest mode, so that the other modes fail because of the cheating", async () => {
    const { exitCode, outcome } = await workerTest(...cheating("honest"));
    expect(outcome.failures).toEqual([]);
    expect(exitCode).toBe(0);
  });
});

describe("a signal to xtask", () => {
  it.each(
    rowsOfKind([
      ["SIGKILL", undefined],
      ["SIGTERM", 143],
      ["SIGINT", 130],
    ] as const),
  )("leaves no process behind: %s in the middle of a stream", async (signal, exitCode) => {
    const fake = [
      process.execPath,
      ...source,
      "apps/worker/src/main.ts",
      "--backend",
      "fake",
      "--fake-step-delay",
      "50ms",
    ];
    const run = xtask("--worker-command", JSON.stringify(fake));
    await streaming(run);
    // At least xtask, the hive, the worker and its engine.
    expect((await family(run.pid)).length).toBeGreaterThanOrEqual(4);
    const leftovers = createLeftoverCheck();
    await leftovers.observe([run.pid ?? 0]);

    run.kill(signal);
    const { exitCode: left } = await run;
    expect(left).toBe(exitCode);
    expect(await leftovers.check()).toEqual({ processes: [], ports: [] });
  });

  it("is reported as a failure", async () => {
    const run = xtask("--json", ...cheating("endless"));
    await started(run.pid ?? 0);
    run.kill("SIGTERM");
    const { stdout, exitCode } = await run;
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, failures: ["Interrupted by SIGTERM"] });
    expect(exitCode).toBe(143);
  });
});

/** Resolves when xtask has started both daemons. */
async function started(pid: number): Promise<void> {
  while ((await family(pid)).length < 3) await sleep(50);
}

async function family(pid = 0): Promise<ProcessEntry[]> {
  return familyOf(await listProcesses(), [pid]);
}

/** Resolves when some tokens of the answer have been shown. */
function streaming({ stdout }: ReturnType<typeof xtask>): Promise<void> {
  let shown = "";
  return new Promise((resolve, reject) => {
    stdout.on("data", (text) => {
      shown += String(text);
      if (/▸ .*\n\s+(\S+\s+){4}/.test(shown)) resolve();
    });
    stdout.once("end", () => reject(new Error(`xtask ended before it showed tokens: ${shown}`)));
  });
}
