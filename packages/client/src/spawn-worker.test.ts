// Tests with stub programs. Real temporary workers are tested in tests/programs/gpu-add, and by the tests of the CLI's `run`.
import { expect, it } from "vitest";
import { lastErrorOf, spawnWorker } from "./spawn-worker.ts";

it.each([
  [
    "a reason",
    '{"level":"warn","msg":"slow"}\n{"level":"error","msg":"engine_died","reason":"Cannot load model x: no such file"}\n{"level":"warn","msg":"bye"}\n',
    "Cannot load model x: no such file",
  ],
  ["a cause", '{"level":"fatal","msg":"Cannot start the worker.","err":{"message":"EACCES"}}', "EACCES"],
  ["a message", '{"level":"error","msg":"Out of memory."}', "Out of memory."],
  ["plain words", "waggle: Cannot use --slots: it must be a number.\n", "Cannot use --slots: it must be a number."],
  [
    "a crash",
    "node:internal\n    throw err;\n\nError: Cannot find module 'x'\n    at y\n\nNode.js v20",
    "Error: Cannot find module 'x'",
  ],
  ["no error", '{"level":"warn","msg":"slow"}', undefined],
  ["nothing", "\n", undefined],
])("the reason of a failed start is found in a log with %s", (_, log, reason) => expect(lastErrorOf(log)).toBe(reason));

/** The command of a program that runs instead of a worker. */
function program(source: string): readonly string[] {
  return [process.execPath, "-e", source, "--"];
}

const env = { PATH: process.env["PATH"] };
const until = "ready";

it("spawnWorker resolves at the awaited line, and close ends the process", async () => {
  const ready = { type: "ready", url: "http://127.0.0.1:1", pid: 1, model: "m", backend: "fake", load_ms: 1 };
  const listening = { type: "listening", url: "http://127.0.0.1:2", pid: 1 };
  const print = [listening, ready].map((line) => `console.log(${JSON.stringify(JSON.stringify(line))});`).join("");
  const command = program(`${print} console.log("noise"); setInterval(() => {}, 1000);`);
  const worker = await spawnWorker({ command, env, until, limitMs: 300_000 });
  expect(worker.url).toBe("http://127.0.0.1:1");
  await worker.close();
});

it("spawnWorker fails with the reason from the log and the exit code", async () => {
  const line = JSON.stringify({ level: "error", msg: "model_failed", reason: "Cannot load it" });
  const command = program(`console.error(${JSON.stringify(line)}); process.exitCode = 75;`);
  await expect(spawnWorker({ command, env, until, limitMs: 300_000 })).rejects.toMatchObject({
    reason: "Cannot load it",
    exitCode: 75,
  });
  await expect(spawnWorker({ command: ["/nowhere/waggle"], env, until, limitMs: 300_000 })).rejects.toMatchObject({
    reason: undefined,
    exitCode: null,
  });
});

it("spawnWorker ends the process when it is not ready in time, and when the signal aborts", async () => {
  const command = program("setInterval(() => {}, 1000);");
  await expect(spawnWorker({ command, env, until, limitMs: 50 })).rejects.toThrow("not ready within 0.05 s");
  const leaving = new AbortController();
  const starting = spawnWorker({ command, env, until, limitMs: 300_000, signal: leaving.signal });
  leaving.abort(new Error("interrupted"));
  await expect(starting).rejects.toThrow("interrupted");
});
