// Tests `waggle batch` over HTTP against a scripted worker, with files in a temporary folder.
import { mkdirSync, existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WaggleError, type Batch, type FileObject } from "@waggle/protocol";
import { beforeEach, describe, expect, it } from "vitest";
import { InterruptedError } from "../cli-error.ts";
import { startFakeWorker } from "../testing/fake-worker.ts";
import { runCommand, type CommandOptions, type CommandResult } from "../testing/run-command.ts";
import { batchProgress } from "./batch-words.ts";

let folder = "";
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "waggle-batch-"))));
const at = (name: string): string => join(folder, name);
const read = (name: string): string => readFileSync(at(name), "utf8");

const running: Batch = {
  ...{ id: "batch_1", object: "batch", status: "in_progress", endpoint: "/v1/chat/completions", model: "bee" },
  ...{ errors: null, input_file_id: "file-in", output_file_id: null, error_file_id: null, metadata: null },
  ...{ completion_window: "24h", created_at: 1_000, expires_at: 87_400, in_progress_at: 1_001, paused: false },
  ...{ finalizing_at: null, completed_at: null, failed_at: null, expired_at: null, cancelling_at: null },
  ...{ cancelled_at: null, request_counts: { total: 3, completed: 1, failed: 0 } },
  usage: {
    ...{ input_tokens: 0, input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 } },
    ...{ output_tokens: 0, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: 0 },
  },
  ...{ lines_per_second: null, estimated_completed_at: null, reason: null },
};
const ended: Batch = {
  ...running,
  ...{ status: "completed", output_file_id: "file-out", request_counts: { total: 3, completed: 3, failed: 0 } },
};

const file: FileObject = {
  ...{ id: "file-in", object: "file", bytes: 4, created_at: 1_000, expires_at: null },
  ...{ filename: "lines.jsonl", purpose: "batch", status: "processed" },
};
const pageOf = (...data: readonly Batch[]): object => ({
  ...{ object: "list", data, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more: false },
});
const content = {
  "GET /v1/files/file-in/content": Buffer.from("requests\n"),
  "GET /v1/files/file-out/content": Buffer.from("answers\n"),
};

interface Ran extends CommandResult {
  readonly asked: readonly string[];
  /** Lines of the upload, and body of the request that creates the batch. */
  readonly lines: readonly unknown[];
  readonly created: unknown;
}

/** Runs the command at a worker whose batch goes through these states. */
async function runAt(
  states: readonly (Batch | WaggleError)[],
  argv: readonly string[],
  routes: Readonly<Record<string, unknown>> = {},
  options: CommandOptions = {},
): Promise<Ran> {
  const left = [...states];
  await using worker = await startFakeWorker({
    routes: {
      "GET /v1/batches?limit=100": pageOf(),
      "POST /v1/files": file,
      "POST /v1/batches": running,
      "GET /v1/batches/batch_1": () => left.shift(),
      ...content,
      ...routes,
    },
  });
  const result = await runCommand(["batch", ...argv, "--url", worker.url], options);
  const bodyAt = (path: string): unknown =>
    worker.asked.find(([method, one]) => method === "POST" && one === path)?.[2];
  const [, lines] = /jsonl\r\n\r\n(.*?)\n?\r\n--/s.exec((bodyAt("/v1/files") as string | undefined) ?? "") ?? [];
  return {
    ...result,
    asked: worker.asked.map(([method, path]) => `${method} ${path}`),
    lines: lines === undefined ? [] : lines.split("\n").map((line) => JSON.parse(line) as unknown),
    created: bodyAt("/v1/batches"),
  };
}

describe("waggle batch run", () => {
  const chat = (...texts: readonly string[]) => ({ messages: texts.map((text) => ({ role: "user", content: text })) });

  it("completes short lines, follows the batch, and writes the answers", async () => {
    const whole = { custom_id: "c", method: "POST", url: "/v1/chat/completions", body: { ...chat("C"), seed: 1 } };
    const lines = ["A", { ...chat("B"), max_tokens: 5 }, whole, { custom_id: "d", body: "D" }];
    writeFileSync(at("in.jsonl"), `\uFEFF${lines.map((line) => JSON.stringify(line)).join("\r\n\r\n")}`);
    writeFileSync(at("body.json"), JSON.stringify({ ...chat("All"), max_tokens: 9 }));
    const argv = ["run", at("in.jsonl"), "--body", at("body.json"), "--out", at("out.jsonl"), "--window", "72"];
    const { code, out, err, asked, lines: sent, created } = await runAt([running, ended], argv);
    expect({ code, out }).toEqual({ code: 0, out: `3 answers in ${at("out.jsonl")}.\n` });
    expect(err).toBe("uploading the requests\n 33 %  1 of 3 lines\n");
    const post = { method: "POST", url: "/v1/chat/completions" };
    expect(sent).toEqual([
      { ...post, custom_id: "1", body: { ...chat("All", "A"), max_tokens: 9 } },
      { ...post, custom_id: "2", body: { ...chat("All", "B"), max_tokens: 5 } },
      { ...post, custom_id: "c", body: { ...chat("All", "C"), max_tokens: 9, seed: 1 } },
      { ...post, custom_id: "d", body: { ...chat("All", "D"), max_tokens: 9 } },
    ]);
    expect(created).toEqual({
      input_file_id: "file-in",
      ...{ endpoint: "/v1/chat/completions", completion_window: "72h" },
      metadata: { waggle_requests: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
    });
    expect(asked.at(-1)).toBe("GET /v1/files/file-out/content");
    expect(readdirSync(folder).toSorted()).toEqual(["body.json", "in.jsonl", "out.jsonl"]);
    expect(read("out.jsonl")).toBe("answers\n");
  });

  async function digestOf(argv: readonly string[]): Promise<string> {
    const { created } = await runAt([ended], argv);
    return (created as Pick<Batch, "metadata">).metadata?.["waggle_requests"] ?? "";
  }

  it("finds its earlier batch: writes its answers again, or continues it", async () => {
    writeFileSync(at("in.jsonl"), '"A"\n');
    const argv = ["run", at("in.jsonl")];
    const metadata = { waggle_requests: await digestOf(argv) };
    const list = (batch: Batch) => ({ "GET /v1/batches?limit=100": pageOf({ ...batch, metadata }) });
    const again = await runAt([ended], argv, list(ended));
    const answers = "GET /v1/files/file-out/content";
    expect(again.asked).toEqual(["GET /v1/batches?limit=100", answers, "GET /v1/batches/batch_1", answers]);
    expect(read("in.answers.jsonl")).toBe("answers\n");
    const resume = "POST /v1/batches/batch_1/resume";
    const paused = await runAt([ended], argv, { ...list({ ...running, paused: true }), [resume]: running });
    expect(paused.asked.slice(2, 4)).toEqual([resume, "GET /v1/batches/batch_1"]);
    const gone = {
      ...list({ ...ended, output_file_id: "x" }),
      "GET /v1/files/x/content": new WaggleError("not_found", ""),
    };
    for (const other of [list({ ...ended, status: "cancelled" }), gone, {}])
      expect((await runAt([ended], argv, other)).created).toBeDefined();
    expect((await runAt([ended], [...argv, "--again"], list(ended))).created).toBeDefined();
  });

  it("has other digests for other requests, routes and models", async () => {
    writeFileSync(at("a.jsonl"), '"A"\n');
    writeFileSync(at("b.jsonl"), '"B"\n');
    const digests = [
      await digestOf(["run", at("a.jsonl")]),
      await digestOf(["run", at("b.jsonl")]),
      await digestOf(["run", at("a.jsonl"), "--model", "bee"]),
      await digestOf(["run", at("a.jsonl"), "--endpoint", "/v1/completions"]),
    ];
    expect(new Set(digests).size).toBe(4);
    expect(await digestOf(["run", at("a.jsonl"), "--out", at("other")])).toBe(digests[0]);
  });

  it("leaves no part of the answers when they cannot be written", async () => {
    writeFileSync(at("in.jsonl"), '"A"\n');
    mkdirSync(at("out.jsonl/x"), { recursive: true });
    const { code } = await runAt([ended], ["run", at("in.jsonl"), "--out", at("out.jsonl")]);
    expect([code, readdirSync(folder).toSorted()]).toEqual([1, ["in.jsonl", "out.jsonl"]]);
  });

  it("writes failed lines to another file, which a later success removes", async () => {
    writeFileSync(at("in.jsonl"), '"A"\n');
    const failing = { ...ended, error_file_id: "file-err", request_counts: { total: 3, completed: 1, failed: 2 } };
    const routes = { "GET /v1/files/file-err/content": Buffer.from("errors\n") };
    const errors = at("in.answers.errors.jsonl");
    const err = expect.stringContaining(`2 lines without an answer: see ${errors}.\n`) as string;
    expect(await runAt([failing], ["run", at("in.jsonl")], routes)).toMatchObject({ code: 1, err });
    expect(readFileSync(errors, "utf8")).toBe("errors\n");
    const none = { ...failing, output_file_id: null, request_counts: { total: 3, completed: 0, failed: 3 } };
    expect(await runAt([none], ["run", at("in.jsonl")], routes)).toMatchObject({ code: 1 });
    expect(read("in.answers.jsonl")).toBe("");
    expect(await runAt([ended], ["run", at("in.jsonl")])).toMatchObject({ code: 0 });
    expect(existsSync(errors)).toBe(false);
  });

  it("prints the mistakes of a refused batch", async () => {
    writeFileSync(at("in.jsonl"), '"A"\n');
    const data = [
      { line: 2, message: "The id is used twice.", code: "duplicate_custom_id", param: "custom_id" },
      { line: null, message: "No model.", code: "model_not_found", param: null },
    ];
    const refused: Batch = { ...running, status: "failed", errors: { object: "list", data } };
    const { code, err } = await runAt([refused], ["run", at("in.jsonl")]);
    expect(code).toBe(1);
    expect(err).toContain(
      `waggle: batch_1 was refused.\nRequest 2: The id is used twice.\n${at("in.jsonl")}: No model.\n`,
    );
  });

  it("pauses the batch when it is interrupted, and waits for a worker that is away", async () => {
    writeFileSync(at("in.jsonl"), '"A"\n');
    const interrupt = new AbortController();
    const away = new WaggleError("unavailable", "The worker is draining");
    const pause = "POST /v1/batches/batch_1/pause";
    const states = [away, running];
    const routes = {
      "GET /v1/batches/batch_1": () => states.shift() ?? interrupt.abort(new InterruptedError()),
      [pause]: running,
    };
    const { code, err, asked } = await runAt([], ["run", at("in.jsonl")], routes, { signal: interrupt.signal });
    expect([code, asked.at(-1)]).toEqual([130, pause]);
    expect(err).toContain("The worker is draining. Waiting for it; Ctrl-C ends.\n 33 %");
    expect(err).toMatch(/\nbatch_1 is paused. The same command continues it.\n$/);
  });

  it.each([
    ['"A"\n{"a":', "/v1/chat/completions", 66, "line 2 is not JSON."],
    [Buffer.from([0x22, 0xff, 0x22]), "/v1/chat/completions", 66, "it is not UTF-8 text."],
    ["\n\n", "/v1/chat/completions", 66, "it has no lines."],
    ["1\n", "/v1/embeddings", 64, "request 1 must be a string or an object for /v1/embeddings."],
    ['{"query":1}\n"A"\n', "/v1/rerank", 64, "request 2 must be an object for /v1/rerank."],
  ])("refuses %j for %s, before it asks the worker", async (text, endpoint, code, problem) => {
    writeFileSync(at("in.jsonl"), text);
    const err = `waggle: Cannot use ${at("in.jsonl")}: ${problem}\n`;
    expect(await runAt([], ["run", at("in.jsonl"), "--endpoint", endpoint])).toMatchObject({ code, err, asked: [] });
  });

  it("shows the rate, the time left and the failures", () => {
    const counts = { total: 1_000, completed: 440, failed: 10 };
    const batch = { ...running, request_counts: counts, lines_per_second: 12.34, estimated_completed_at: 1_045 };
    const words = " 45 %  450 of 1,000 lines  12 lines/s  45 s left  10 failed";
    expect(batchProgress(batch, 1_000_000)).toEqual({ stage: "in_progress", share: 0.45, words });
    expect(batchProgress({ ...batch, paused: true }, 0).words).toBe(" 45 %  450 of 1,000 lines  paused  10 failed");
    const { words: waits } = batchProgress({ ...batch, reason: "No worker." }, 0);
    expect(waits).toBe(" 45 %  450 of 1,000 lines  No worker.  10 failed");
  });
});

describe("waggle batch", () => {
  it("list shows the batches of all pages", async () => {
    const routes = {
      "GET /v1/batches?limit=100": { ...pageOf({ ...running, lines_per_second: 1.25 }), has_more: true },
      "GET /v1/batches?limit=100&after=batch_1": pageOf(
        { ...ended, id: "batch_0", paused: true },
        { ...running, id: "batch_2", reason: "No worker." },
      ),
    };
    const { out } = await runAt([], ["list"], routes);
    expect(out).toMatch(/^BATCH +CREATED +STATUS +LINES +DONE +FAILED +LINES\/S +LEFT\n/);
    expect(out).toMatch(
      /\nbatch_1 .* in progress +3 +1 +0 +1\.3\nbatch_0 .* completed +3 +3 +0\nbatch_2 .* waiting +3 +1 +0\n/,
    );
    expect(out).toMatch(/\nbatch_2 waits: No worker\.\n$/);
    const { out: json } = await runAt([], ["list", "--json"], routes);
    expect((JSON.parse(json) as { batches: Batch[] }).batches.map(({ id }) => id)).toEqual([
      "batch_1",
      "batch_0",
      "batch_2",
    ]);
  });

  it.each([
    ["cancel", { ...running, status: "cancelling" }, "batch_1 is being cancelled. The answers so far are kept.\n"],
    ["pause", running, 'batch_1 is paused. "waggle batch resume batch_1" continues it.\n'],
    ["resume", running, "batch_1 continues.\n"],
  ])("%s changes a batch", async (change, batch, out) => {
    const routes = { [`POST /v1/batches/batch_1/${change}`]: batch };
    expect(await runAt([], [change, "batch_1"], routes)).toMatchObject({ code: 0, out });
  });

  it.each([
    [["stop"], "Unknown command batch stop. Available: run, list, cancel, pause, resume."],
    [["run"], "Name the file with the requests: waggle batch run <file>."],
    [["cancel"], "Name the id of the batch (see waggle batch list): waggle batch cancel <id>."],
    [["run", "x.jsonl", "--window", "1d"], "Cannot use --window 1d: it must be a number of hours."],
    [["run", "x.jsonl", "--out", "./x.jsonl"], "Cannot write the answers to ./x.jsonl: it has the requests."],
  ])("refuses %j", async (argv, message) => {
    expect(await runAt([], argv)).toMatchObject({ code: 64, err: `waggle: ${message}\n`, asked: [] });
  });
});
