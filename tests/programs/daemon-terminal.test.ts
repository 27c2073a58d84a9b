// Tests a worker's output on a real terminal, and its stdout for programs.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "@waggle/async";
import { StdoutLineSchema } from "@waggle/protocol";
import { afterEach, describe, expect, it } from "vitest";
import { killDaemons, runDaemon, spawnModelWorker } from "../support/daemon.ts";
import { openTerminal, processesWith, wagglePath, workerPath } from "../support/terminal.ts";

afterEach(killDaemons);

const plain = { NO_COLOR: "1" };

describe("waggle-worker on a terminal", () => {
  it("shows its address, model and mode, and how to stop it", async () => {
    await using terminal = openTerminal(["--port", "0"], plain, workerPath);
    const banner = await terminal.shows(/Waggle \d[^]*Ctrl-C stops it\./);
    expect(banner).toMatch(/Open +http:\/\/127\.0\.0\.1:\d+\r\n/);
    expect(banner).toMatch(/Model +waggle-tiny-stories\r\n/);
    expect(banner).toMatch(/Mode +local mode: this machine only, no token\r\n/);
    await terminal.shows(/Loading waggle-tiny-stories …/);
    await terminal.shows(/waggle-tiny-stories is ready, after .* It computes on the processor \(\d+ threads?\)\./);
    terminal.type("\u0003");
    await terminal.shows(/Stopping\./);
    expect(await terminal.exited).toBe(0);
  });

  it("reports in its last line why its model cannot be loaded, and exits with 75", async () => {
    const why = "Cannot load model x.gguf: out of memory";
    const fake = ["--backend", "fake", "--fake-fail-load", why, "--port", "0"];
    await using terminal = openTerminal(fake, plain, workerPath);
    const last = await terminal.shows(/[^]*waggle-worker: Cannot load model x\.gguf: out of memory\.\r\n/);
    expect(last).not.toMatch(/ERROR|model_failed|engine_died/);
    expect(await terminal.exited).toBe(75);
  });

  it("shows at Ctrl-C how many answers it finishes, and at a second Ctrl-C how many it ends", async () => {
    const fake = ["--backend", "fake", "--fake-step-delay", "20", "--port", "0"];
    await using terminal = openTerminal(fake, plain, workerPath);
    const [url = ""] = /http:\/\/[\d.:]+/.exec(await terminal.shows(/Open +http:\/\/[\d.:]+/)) ?? [];
    await terminal.shows(/is ready/);
    const answer = await fetch(`${url}/v1/inference`, { method: "POST", body: '{"prompt":"a [eog:100000]"}' });
    await answer.body?.getReader().read();
    terminal.type("\u0003");
    await terminal.shows(/Finishing 1 running answer \(30 s at most\)\. Ctrl-C again stops now\./);
    // The worker counts signals within 300 ms as one, because npx and pnpm forward a Ctrl-C once more.
    await sleep(400);
    terminal.type("\u0003");
    await terminal.shows(/Stopping now: 1 answer ends unfinished\./);
    expect(await terminal.exited).toBe(130);
  });
});

describe("closing the terminal", () => {
  const fake = ["serve", "--backend", "fake", "--port", "0"];
  const nats = ["--nats-url", "nats://127.0.0.1:2", "--port", "0"];
  const marked = (mark: string): ReturnType<typeof processesWith> => processesWith("MARK", mark);

  it.each([
    ["a worker with an answer", [...fake, "--fake-step-delay", "20"], /is ready/],
    ["a worker that loads", [...fake, "--fake-load-delay", "600s"], /Loading/],
    ["a gateway", ["gateway", ...nats], /Open/],
    ["a hive", ["hive", "--port", "0"], /Open/],
  ])("ends %s", async (what, argv, started) => {
    const mark = `closed-${what}`;
    let answer: Response | undefined;
    {
      await using terminal = openTerminal(argv, { ...plain, MARK: mark });
      const screen = await terminal.shows(/Open[^]*http:\/\/[\d.:]+/);
      if (!started.test(screen)) await terminal.shows(started);
      if (what === "a worker with an answer") {
        const url = /http:\/\/[\d.:]+/.exec(screen)?.[0];
        answer = await fetch(`${url}/v1/inference`, { method: "POST", body: '{"prompt":"a [eog:60]"}' });
      }
    }
    if (answer !== undefined) expect(await answer.text()).toContain('"finish_reason":"stop"');
    await expect.poll(() => marked(mark)).toEqual([]);
  });

  it("does not end a worker of nohup", async () => {
    const folder = mkdtempSync(join(tmpdir(), "nohup-"));
    const out = join(folder, "out");
    const shell = `nohup '${process.execPath}' '${wagglePath}' ${fake.join(" ")} > '${out}' & read line`;
    const start = `require("child_process").spawnSync("bash", ["-c", process.argv[1]], { stdio: "inherit" })`;
    const env = { ...plain, MARK: "nohup" };
    try {
      await using terminal = openTerminal([start, shell], env, "-e");
      await expect.poll(() => (existsSync(out) ? readFileSync(out, "utf8") : "")).toContain('"ready"');
      await terminal[Symbol.asyncDispose]();
      await expect.poll(() => marked("nohup").filter(({ command }) => command.includes("spawnSync"))).toEqual([]);
      const url = /http:[^"]+/.exec(readFileSync(out, "utf8"))?.[0];
      expect((await fetch(`${url}/readyz`)).status).toBe(200);
    } finally {
      for (const { pid } of marked("nohup")) process.kill(pid, "SIGKILL");
    }
  });
});

it("kill -HUP reads the tokens of a daemon on a terminal again, and does not end the daemon", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tokens-"));
  const file = join(folder, "tokens");
  writeFileSync(file, "root:first-secret admin\n");
  const argv = ["hive", "--port", "0", "--api-token-file", file];
  await using terminal = openTerminal(argv, { ...plain, MARK: "reloads" });
  await terminal.shows(/Open/);
  rmSync(file);
  const hive = processesWith("MARK", "reloads").filter(({ command }) => command.startsWith(process.execPath));
  for (const { pid } of hive) process.kill(pid, "SIGHUP");
  await terminal.shows(/Cannot reload the API tokens; the old ones stay\./);
});

it("stdout has only JSON lines when it is not a terminal", async () => {
  const worker = await spawnModelWorker();
  expect(worker.lines.map((line) => StdoutLineSchema.parse(line).type)).toEqual(["listening", "ready"]);
  expect(worker.lines[1]).toMatchObject({ model: "waggle-tiny-stories", load_ms: expect.any(Number) as number });
  expect(worker.lines[1]).not.toMatchObject({ load_ms: 0 });
});

it.each([
  ["/no/such.gguf", "no such file"],
  ["/", "a directory, not a file"],
  [workerPath, "not a GGUF file"],
])(
  "an invalid model file (%s) is reported in one line before the port is open, with exit code 66",
  async (model, why) => {
    const { code, stdout, stderr } = await runDaemon("worker", ["--port", "0", "--model", model]);
    expect({ code, stdout, stderr }).toEqual({
      ...{ code: 66, stdout: "" },
      stderr: `waggle-worker: Cannot load model ${model}: ${why}.`,
    });
  },
);
