// Tests the engine process from outside: errors and messages that it must survive. tests/faults has its crashes and hangs under a worker.
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { poll, repositoryPath } from "@waggle/testing/harness";
import { afterEach, describe, expect, it } from "vitest";

const children = new Set<ChildProcess>();
afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
});

describe("the engine process", () => {
  it("survives an unhandled rejection, which a library may cause", async () => {
    const engine = startEngine('process.on("SIGUSR2", () => Promise.reject(Error("lost")))');
    await engine.received("ready");
    engine.signal("SIGUSR2");
    expect(await engine.received("log")).toMatchObject({ level: "error" });
    engine.send({ type: "query", id: "q1", question: { kind: "detokenize", tokens: [1] } });
    expect(await engine.received("query_result")).toMatchObject({ id: "q1", answer: { kind: "detokenize" } });
  });

  it("reports an uncaught error before it exits", async () => {
    const engine = startEngine('process.on("SIGUSR2", () => { throw Error("lost"); })');
    await engine.received("ready");
    engine.signal("SIGUSR2");
    expect(await engine.received("broken")).toMatchObject({ message: "lost" });
    expect(await engine.exited).toBe("SIGKILL");
  });

  it("survives a command that makes it throw; only this command fails", async () => {
    // Simulates a defect that affects one job only.
    const engine = startEngine(`
      const { has } = Map.prototype;
      Map.prototype.has = function (key) {
        if (key === "j1") throw new Error("a defect");
        return has.call(this, key);
      };`);
    await engine.received("ready");
    engine.send({ type: "start", prepared: "j1", choices: [{ jobId: "j1", choice: 0 }] });
    const { events } = await engine.received("step");
    expect(events).toMatchObject([{ type: "failed", jobId: "j1", code: "engine_failed" }]);
    engine.send({ type: "query", id: "q1", question: { kind: "detokenize", tokens: [1] } });
    expect(await engine.received("query_result")).toMatchObject({ id: "q1", answer: { kind: "detokenize" } });
  });

  it("survives an event that cannot be serialized: its jobs fail, and the next job runs", async () => {
    // Sending an event with a token of job j1 throws, as JSON.stringify does for a text that is too long.
    const engine = startEngine(`
      const send = process.send.bind(process);
      process.send = (event, ...rest) => {
        if (JSON.stringify(event).includes('"type":"token","jobId":"j1"')) throw new RangeError("Invalid string length");
        return send(event, ...rest);
      };`);
    await engine.received("ready");
    const prompt = { kind: "text", text: "a [eog:5]" };
    const work = { kind: "generate", prompt, choices: 1, maxTokens: 5, stop: [], sampling: {} };
    const run = (jobId: string): void => {
      engine.send({ type: "prepare", job: { jobId, work, cacheScope: "", priority: 0 } });
      engine.send({ type: "start", prepared: jobId, choices: [{ jobId, choice: 0 }] });
    };
    const ended = (jobId: string) =>
      engine.events
        .flatMap(({ events }) => (events as { jobId: string; type: string; message?: string }[] | undefined) ?? [])
        .find((event) => event.jobId === jobId && !["started", "token"].includes(event.type));
    run("j1");
    await poll("the end of the first job", () => ended("j1") !== undefined);
    expect(ended("j1")).toMatchObject({ type: "failed", code: "engine_failed" });
    expect(ended("j1")?.message).toContain("Invalid string length");
    run("j2");
    await poll("the end of the second job", () => ended("j2") !== undefined);
    expect(ended("j2")).toMatchObject({ type: "finished" });
  });
});

type EngineMessage = Record<string, unknown> & { readonly type: string };

/** @param before JavaScript that runs in the process before the engine's code */
function startEngine(before = "") {
  const preload = ["--import", `data:text/javascript,${encodeURIComponent(before)}`];
  const child = fork(repositoryPath("apps/worker/dist/engine/engine-main.js"), [], {
    execArgv: preload,
    stdio: ["ignore", "ignore", "ignore", "ipc", "pipe"],
    serialization: "json",
  });
  children.add(child);
  const events: EngineMessage[] = [];
  child.on("message", (event) => events.push(event as EngineMessage));
  const fake = { stepDelayMs: 0, loadDelayMs: 0 };
  child.send({ type: "load", backend: "fake", settings: { slots: 2, threads: 1 }, maxThreads: 1, fake });
  return {
    events,
    send: (command: object) => void child.send(command),
    signal: (name: NodeJS.Signals) => void child.kill(name),
    exited: new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal))),
    async received(type: string): Promise<EngineMessage> {
      await poll("a message from the engine", () => events.some((event) => event.type === type));
      return events.find((event) => event.type === type) ?? expect.fail();
    },
  };
}
