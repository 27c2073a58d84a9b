import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ModelStatus } from "@waggle/protocol";
import { describe, expect, it } from "vitest";
import { InterruptedError } from "../cli-error.ts";
import { answerEvents, modelStatus, startFakeWorker, workerInfo } from "../testing/fake-worker.ts";
import { runCommand } from "../testing/run-command.ts";

describe("waggle run", () => {
  it("prints only the answer", async () => {
    await using worker = await startFakeWorker();
    const argv = [
      "run",
      "hi",
      "--url",
      worker.url,
      "--system",
      "Be brief.",
      "--set",
      "seed=7",
      "--set",
      "temperature=0",
    ];
    expect(await runCommand(argv)).toEqual({ code: 0, out: "Hello there\n", err: "" });
    const messages = [
      { role: "system", content: "Be brief." },
      { role: "user", content: "hi" },
    ];
    const job_id = expect.stringMatching(/^job-/) as string;
    expect(worker.asked[0]).toEqual(["POST", "/v1/jobs", { messages, seed: 7, temperature: 0, job_id }]);
  });

  it("takes a model's name before the prompt, and appends stdin to the prompt", async () => {
    await using worker = await startFakeWorker({
      models: [modelStatus("bee"), modelStatus("wasp", { aliases: ["w"] })],
    });
    await runCommand(["run", "w", "Translate:", "--url", worker.url], { stdin: "bonjour\n\n" });
    await runCommand(["run", "--url", worker.url], { stdin: "alone" });
    expect(worker.asked.filter(([method]) => method === "POST").map(([, , body]) => body)).toMatchObject([
      { model: "wasp", messages: [{ role: "user", content: "Translate:\n\nbonjour" }] },
      { messages: [{ role: "user", content: "alone" }] },
    ]);
    expect(await runCommand(["run", "ant", "hi", "--url", worker.url])).toMatchObject({
      code: 66,
      err: `waggle: The worker at ${worker.url} has no model ant. It has: bee, wasp. "waggle pull" downloads another.\n`,
    });
  });

  it("says that a worker has no model yet, and how to get one; list too", async () => {
    const routes = { "GET /v1/info": { ...workerInfo, model: "" } };
    await using worker = await startFakeWorker({ models: [], routes });
    const err = `${worker.url} has no model yet. "waggle pull" lists models that fit this machine, and downloads one.\n`;
    expect(await runCommand(["run", "hi", "--url", worker.url])).toMatchObject({ code: 66, err: `waggle: ${err}` });
    expect(await runCommand(["run", "bee", "hi", "--url", worker.url])).toMatchObject({ err: `waggle: ${err}` });
    expect(await runCommand(["list", "--url", worker.url])).toMatchObject({ code: 0, err });
  });

  it("prints tokens and times with --stats", async () => {
    await using worker = await startFakeWorker();
    const { out, err } = await runCommand(["run", "hi", "--stats", "--url", worker.url]);
    expect([out, err]).toEqual(["Hello there\n", "2 tokens, 200 tokens/s, first token after 10 ms\n"]);
  });

  it("prints the model's reasoning on a terminal, but not to a program", async () => {
    const answer = answerEvents("Hm.", "Yes.").map((event) =>
      event.type === "token" && event.index === 0 ? { ...event, part: "reasoning" as const } : event,
    );
    await using worker = await startFakeWorker({ answer });
    expect((await runCommand(["run", "hi", "--url", worker.url])).out).toBe("Yes.\n");
    expect((await runCommand(["run", "hi", "--url", worker.url], { isTerminal: true })).out).toBe("Hm.\n\nYes.\n");
  });

  it("fails with the reason when the answer fails or is interrupted", async () => {
    const failure = {
      type: "error",
      stream_id: "j",
      code: "engine_failed",
      message: "It died.",
      retryable: true,
    } as const;
    await using worker = await startFakeWorker({ answer: [...answerEvents("Half").slice(0, 2), failure] });
    expect(await runCommand(["run", "hi", "--url", worker.url])).toEqual({
      code: 1,
      out: "Half\n",
      err: "waggle: It died.\n",
    });
    await using broken = await startFakeWorker({ answer: [] });
    const interrupt = new AbortController();
    const asking = runCommand(["run", "hi", "--url", broken.url], { signal: interrupt.signal });
    await expect.poll(() => broken.asked.length).toBe(2);
    interrupt.abort(new InterruptedError());
    expect(await asking).toEqual({ code: 130, out: "", err: "" });
    // The job is cancelled at the worker too.
    expect(broken.asked.at(-1)?.slice(0, 2)).toEqual(["DELETE", expect.stringMatching(/^\/v1\/jobs\/job-/)]);
  });

  it("without a worker starts one, which must load a model although it would wait for a request", async () => {
    const folder = mkdtempSync(join(tmpdir(), "waggle-own-"));
    const wasp = modelStatus("wasp", { state: "unloaded", file: "wasp.gguf" });
    const ask = async (models: readonly ModelStatus[]) => {
      const events = [{ type: "done" as const, model: wasp }];
      await using worker = await startFakeWorker({ models, events });
      const path = join(folder, "waggle.mjs");
      const line = JSON.stringify({ type: "listening", url: worker.url, pid: 1 });
      writeFileSync(path, `console.log(${JSON.stringify(line)}); process.on("disconnect", () => process.exit());`);
      const config = { entry: { path, execArgv: [] }, stateFolder: folder };
      return { ...(await runCommand(["run", "hi"], { config })), asked: worker.asked };
    };
    writeFileSync(join(folder, "last-model.json"), JSON.stringify({ path: "/models/wasp.gguf" }));
    const { code, asked } = await ask([modelStatus("bee", { state: "unloaded" }), wasp]);
    expect(code).toBe(0);
    expect(asked).toContainEqual(["POST", "/v1/models/load", { model: "wasp" }]);
    expect(asked.find(([, path]) => path === "/v1/jobs")?.[2]).toMatchObject({ model: "wasp" });
    expect(await ask([])).toMatchObject({ code: 66, err: expect.stringContaining("has no model yet.") as string });
  });

  it("without a worker starts one, and reports why that worker does not start", async () => {
    expect(await runCommand(["run", "hi"])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/Cannot start a worker: .*waggle\.js/) as string,
    });
  });
});
