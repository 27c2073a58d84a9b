// Tests the benchmark of a worker as a whole: a fake worker from source and a server with OpenAI's API, a few tokens each.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BenchRow } from "../../bench/worker/figures.ts";
import { repositoryPath } from "@waggle/testing/harness";

const limitMs = 300_000;

/** A server that streams `max_tokens` words, and reports their number as usage. */
function startOpenAiServer(): Server {
  return createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += String(part)));
    request.on("end", () => {
      if (request.url !== "/v1/completions") return void response.writeHead(404).end();
      const { prompt, max_tokens } = JSON.parse(body) as { prompt: string; max_tokens: number };
      const say = (chunk: unknown): void => void response.write(`data: ${JSON.stringify(chunk)}\n\n`);
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (let i = 0; i < max_tokens; i++) say({ choices: [{ text: " word" }] });
      const usage = { prompt_tokens: prompt.split(" ").length, completion_tokens: max_tokens };
      say({ choices: [], usage });
      response.end("data: [DONE]\n\n");
    });
  }).listen(0, "127.0.0.1");
}

describe("bench worker", () => {
  let other: Server;
  beforeEach(async () => {
    other = startOpenAiServer();
    await once(other, "listening");
  });
  afterEach(() => other.close());

  async function bench(...flags: string[]): Promise<string> {
    const source = ["--import", import.meta.resolve("tsx"), repositoryPath("bench/main.ts")];
    const args = [
      ...source,
      "worker",
      "--program",
      repositoryPath("apps/worker/bin/waggle-worker.js"),
      "--backend",
      "fake",
      "--slots",
      "2",
      "--rounds",
      "2",
      "--max-tokens",
      "4",
      ...flags,
    ];
    return (await promisify(execFile)(process.execPath, args, { timeout: limitMs })).stdout;
  }

  it("plays each case on all servers and compares them", { timeout: limitMs }, async () => {
    const against = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const sides = ["--against", against, "--also", "WAGGLE_LOG_LEVEL=debug"];
    const only = ["--only", "concurrency", "second-turn", "--concurrency", "1,3"];
    const { rows, method } = JSON.parse(await bench("--json", ...sides, ...only)) as {
      rows: BenchRow[];
      method: string;
    };
    expect(rows.map(({ label }) => label)).toEqual(["1 stream", "3 streams", "after 1000 tokens"]);
    for (const { rounds } of rows) expect(rounds.map(({ length }) => length)).toEqual([2, 2, 2]);
    expect(rows[1]?.figures.completionTokens).toEqual({ medians: [12, 12, 12], ratios: [1, 1, 1] });
    for (const ratio of rows[1]?.figures.tokensPerSecond?.ratios ?? [0]) expect(ratio).toBeGreaterThan(0);
    for (const cached of rows[2]?.figures.cachedTokens?.medians.slice(0, 2) ?? [0])
      expect(cached).toBeGreaterThan(1_000);
    expect(method).toMatch(
      /A: Waggle, .* slots\nB: Waggle, .*, WAGGLE_LOG_LEVEL=debug\nC: an OpenAI-compatible server\n/,
    );
  });

  it("shows a table, and refuses an unknown scenario", { timeout: limitMs }, async () => {
    const text = await bench("--only", "concurrency", "--concurrency", "1");
    expect(text).toMatch(/concurrency: 1 stream .*\n {2}tokens\/s +[\d.]+\n/);
    expect(text).toContain("Medians of 2 rounds");
    await expect(bench("--also", "debug")).rejects.toThrow(/Cannot run debug: there is no such file/);
    await expect(bench("--only", "nothing")).rejects.toThrow(/Cannot play scenario nothing: there are concurrency/);
  });
});
