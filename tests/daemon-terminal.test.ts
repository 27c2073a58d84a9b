// What a person sees of a worker on a real terminal, from its first line to its last; and what a program reads instead.
import { StdoutLineSchema } from "@waggle/protocol";
import { afterEach, describe, expect, it } from "vitest";
import { killDaemons, runDaemon, spawnModelWorker } from "./support/daemon.ts";
import { openTerminal, workerPath } from "./support/terminal.ts";

afterEach(killDaemons);

const plain = { NO_COLOR: "1" };

describe("waggle-worker on a terminal", () => {
  it("says where it is, which model it loads, in which mode, and how it is stopped; the model's name stays", async () => {
    await using terminal = openTerminal(["--port", "0"], plain, workerPath);
    const banner = await terminal.shows(/Waggle \d[^]*Ctrl-C stops it\./);
    expect(banner).toMatch(/Open +http:\/\/127\.0\.0\.1:\d+\r\n/);
    expect(banner).toMatch(/Model +Waggle Tiny Stories\r\n/);
    expect(banner).toMatch(/Mode +local mode: this machine only, no token\r\n/);
    await terminal.shows(/Loading Waggle Tiny Stories …/);
    await terminal.shows(/Waggle Tiny Stories is ready, after .* It computes on the processor \(\d+ threads?\)\./);
    terminal.type("\u0003");
    await terminal.shows(/Stopping\./);
    expect(await terminal.exited).toBe(0);
  });

  it("says in one last line why its model cannot be loaded, and 75", async () => {
    const why = "Cannot load model x.gguf: out of memory";
    const fake = ["--backend", "fake", "--fake-fail-load", why, "--port", "0"];
    await using terminal = openTerminal(fake, plain, workerPath);
    const last = await terminal.shows(/[^]*waggle-worker: Cannot load model x\.gguf: out of memory\.\r\n/);
    expect(last).not.toMatch(/ERROR|model_failed|engine_died/);
    expect(await terminal.exited).toBe(75);
  });

  it("says at Ctrl-C what it waits for, and at the second one what it cuts off", async () => {
    const fake = ["--backend", "fake", "--fake-step-delay", "20", "--port", "0"];
    await using terminal = openTerminal(fake, plain, workerPath);
    const [url = ""] = /http:\/\/[\d.:]+/.exec(await terminal.shows(/Open +http:\/\/[\d.:]+/)) ?? [];
    await terminal.shows(/is ready/);
    const answer = await fetch(`${url}/v1/inference`, { method: "POST", body: '{"prompt":"a [eog:100000]"}' });
    await answer.body?.getReader().read();
    terminal.type("\u0003");
    await terminal.shows(/Finishing 1 running answer \(30 s at most\)\. Ctrl-C again stops now\./);
    // Within 300 ms it would count as the same one: npx and pnpm pass a Ctrl-C on once more.
    await new Promise((resolve) => setTimeout(resolve, 400));
    terminal.type("\u0003");
    await terminal.shows(/Stopping now: 1 answer ends unfinished\./);
    expect(await terminal.exited).toBe(130);
  });
});

it("a program that reads it gets JSON lines alone", async () => {
  const worker = await spawnModelWorker();
  expect(worker.lines.map((line) => StdoutLineSchema.parse(line).type)).toEqual(["listening", "ready"]);
  expect(worker.lines[1]).toMatchObject({ model: "Waggle Tiny Stories", load_ms: expect.any(Number) as number });
  expect(worker.lines[1]).not.toMatchObject({ load_ms: 0 });
});

it.each([
  ["/no/such.gguf", "no such file"],
  ["/", "a directory, not a file"],
  [workerPath, "not a GGUF file"],
])("a model file that cannot be one (%s) is one line before anything listens, and 66", async (model, why) => {
  const { code, stdout, stderr } = await runDaemon("worker", ["--port", "0", "--model", model]);
  expect({ code, stdout, stderr }).toEqual({
    ...{ code: 66, stdout: "" },
    stderr: `waggle-worker: Cannot load model ${model}: ${why}.`,
  });
});
