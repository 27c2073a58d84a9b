// Tests worker:chaos, and by it the worker: the short fault matrix holds against real processes; a worker that is set up to break a
// rule is caught; nothing survives a run that is interrupted.
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const source = ["--conditions=waggle-source", "--import", "tsx"];
const wholeRunMs = 300_000;
/** All of them, in two halves of about the same length: together they take as long as one, since each waits half of the time. */
const halves = [
  ["cancel", "supersede", "cycles", "resume", "overload", "slow", "dialects"],
  ["engine", "engine-loss", "leaving", "hive", "model"],
] as const;

interface Row {
  readonly name: string;
  readonly ok: boolean;
  readonly details: string;
  readonly numbers: Readonly<Record<string, number>>;
}

interface Outcome {
  readonly ok: boolean;
  readonly seed: number;
  readonly failures: readonly string[];
  readonly groups: readonly { readonly name: string; readonly rows: readonly Row[] }[];
  readonly processes_left: number;
  readonly ports_free: boolean;
}

const chaos = (...flags: string[]) =>
  execa(process.execPath, [...source, "tools/xtask/src/main.ts", "worker:chaos", ...flags], {
    cwd: root,
    reject: false,
  });

/** Runs it with `--json`, whose stdout must be one object and nothing else. */
async function outcomeOf(...flags: string[]): Promise<{ exitCode: number | undefined; outcome: Outcome }> {
  const { exitCode, stdout } = await chaos("--json", ...flags);
  return { exitCode, outcome: JSON.parse(stdout) as Outcome };
}

describe("a sound worker", () => {
  it(
    "holds in the whole short matrix",
    async () => {
      const runs = await Promise.all(halves.map((groups) => outcomeOf("--only", ...groups)));
      for (const { exitCode, outcome } of runs) {
        expect(outcome.failures).toEqual([]);
        expect(outcome).toMatchObject({ ok: true, processes_left: 0, ports_free: true });
        expect(exitCode).toBe(0);
      }
      const rows = runs.flatMap(({ outcome }) => outcome.groups.flatMap((group) => group.rows));
      for (const phase of ["loading", "queued", "prefill", "decode"]) {
        for (const route of ["disconnect", "DELETE job", "DELETE session", "superseded", "deadline", "abort"]) {
          const cells = rows.filter(({ name }) => name.startsWith(`${phase} by ${route}`));
          expect(cells.length, `${phase} by ${route}`).toBeGreaterThanOrEqual(2);
          for (const { numbers } of cells) expect(numbers["steps"] ?? 0).toBeLessThanOrEqual(1);
        }
      }
    },
    wholeRunMs,
  );
});

describe("a worker that is not sound", () => {
  it.each([
    [
      "does not wait for a superseded stream's clean-up",
      "supersede",
      ["--supersede-timeout", "0s"],
      /prev_stream_finished_cleanly/,
    ],
    ["forgets what its readers may still resume", "resume", ["--replay-buffer", "2KiB"], /byte for byte/],
  ])("is caught when it %s", async (_, group, workerFlags, failure) => {
    const { exitCode, outcome } = await outcomeOf("--only", group, "--worker-flags", JSON.stringify(workerFlags));
    expect(outcome.failures.join("\n")).toMatch(failure);
    expect(outcome).toMatchObject({ ok: false, processes_left: 0, ports_free: true });
    expect(exitCode).toBe(1);
  });
});

describe("the command", () => {
  it("refuses a group that it does not know, and a seed that is none", async () => {
    const { exitCode, stderr } = await chaos("--only", "weather");
    expect(exitCode).toBe(64);
    const known = /Cannot run the group weather: there are ([a-z, -]+)\./.exec(stderr)?.[1]?.split(", ");
    // The matrix above leaves none of them out.
    expect(known?.toSorted()).toEqual(halves.flat().toSorted());
    expect(await chaos("--seed", "x")).toMatchObject({
      exitCode: 64,
      stderr: expect.stringMatching(/Cannot use --seed x/),
    });
  });

  it("ends at once when it is interrupted, and says so", async () => {
    const run = chaos("--only", "supersede");
    for await (const text of run.stdout ?? []) if (String(text).includes("✓")) break;
    run.kill("SIGINT");
    expect(await run).toMatchObject({ exitCode: 130, stderr: expect.stringMatching(/Interrupted by SIGINT/) });
  });
});
