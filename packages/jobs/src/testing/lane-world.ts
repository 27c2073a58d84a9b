// Runs a lane in a temporary folder, with a clock that a test advances, and a front that answers as the test says.
import { cpSync, existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getActiveResourcesInfo } from "node:process";
import { createFakeClock } from "@waggle/testing";
import type { FakeClock } from "@waggle/testing";
import { createLogger, createWorkerMetrics } from "@waggle/telemetry";
import { afterEach, beforeEach } from "vitest";
import type { BatchRecord, BatchStatus } from "../lane/batch.ts";
import { createLane } from "../lane/lane.ts";
import type { DaemonLane, LaneOptions } from "../lane/lane.ts";
import type { AnswerLine, BatchShape, BatchView, LaneFront, LaneModel, WantedBatch } from "../lane/lane-port.ts";

const hourMs = 3_600_000;
/** Turns of the event loop in which the disk has no work. They are half an hour of the clock, and seconds of a processor. */
const mostTurns = 72_000;

/** A result as the lines of `testShape` have it. */
export interface TestResult {
  readonly id: string;
  /** 0 for a line without an answer. */
  readonly status: number;
  readonly why?: string;
}

/** Lines such as `{"id":"a","model":"m","prefix":"p"}`. */
export const testShape: BatchShape = {
  readLine(text, number) {
    let line: { id: string; model?: string; prefix?: string };
    try {
      line = JSON.parse(text) as typeof line;
    } catch {
      return { code: "invalid_json_line", message: "It is not JSON.", param: null };
    }
    return { number, customId: line.id, path: "/x", model: line.model, prefix: line.prefix ?? "", body: text };
  },
  resultLine({ customId: id }, answer) {
    const isAnswer = typeof answer === "object";
    const result: TestResult = isAnswer ? { id, status: answer.status } : { id, status: 0, why: answer };
    return { file: isAnswer && answer.status === 200 ? "output" : "errors", text: JSON.stringify(result) };
  },
  readResult(text) {
    const { id, status } = JSON.parse(text) as TestResult;
    const outputTokens = status === 200 ? 1 : 0;
    return {
      customId: id,
      outcome: status === 200 ? "completed" : status === 0 ? "unanswered" : "failed",
      usage: { inputTokens: 2 * outputTokens, cachedTokens: 0, outputTokens, reasoningTokens: 0 },
    };
  },
};

export const good = { status: 200, requestId: "r", body: "{}" } as const;

/** Keeps the lines with these ids, until they are taken back. */
export function stuckAt(...ids: readonly string[]): AnswerLine {
  return async (line, _, signal) => {
    if (!ids.includes(line.customId)) return { ...good, status: line.customId.startsWith("bad") ? 400 : 200 };
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return undefined;
  };
}

export interface LaneWorldOptions extends Partial<Omit<LaneOptions, "folder" | "clock" | "now">> {
  readonly answer?: AnswerLine;
  readonly refusalFor?: LaneFront["refusalFor"];
  readonly models?: () => readonly LaneModel[];
  readonly shape?: BatchShape;
}

export interface LaneWorld {
  readonly clock: FakeClock;
  readonly now: () => number;
  readonly folder: string;
  /** Names of log lines with their fields. */
  readonly logged: readonly Readonly<Record<string, unknown>>[];
  /** A new process on the folder. */
  open(options?: LaneWorldOptions): DaemonLane;
  /** Kills the process: a later one sees the folder as it is now. */
  kill(): Promise<void>;
  /** An empty folder. */
  reset(): Promise<void>;
  upload(lane: DaemonLane, text: string, client?: string): Promise<string>;
  create(lane: DaemonLane, input: WantedBatch["input"], more?: Partial<WantedBatch>): Promise<BatchRecord>;
  /** Advances the clock, unless its time stops, until the condition holds. */
  until(holds: () => boolean | Promise<boolean>, time?: "passes" | "stops"): Promise<void>;
  /** Advances the clock until the batch has the status. */
  reaches(lane: DaemonLane, id: string, status: BatchStatus): Promise<BatchView>;
  /** The results in a published file; none without an id. */
  resultsIn(lane: DaemonLane, file: string | undefined): Promise<readonly TestResult[]>;
}

export function useLaneWorld(): LaneWorld {
  let root = "";
  let process = 0;
  let clock = createFakeClock();
  let logged: Record<string, unknown>[] = [];
  const metrics = createWorkerMetrics({ ofNode: false });
  let lanes: DaemonLane[] = [];
  const startedAt = Date.UTC(2026, 0, 1);
  const now = (): number => startedAt + clock.now();
  const folderOf = (): string => join(root, `${process}`, "batches");

  function begin(): void {
    root = mkdtempSync(join(tmpdir(), "waggle-lane-"));
    clock = createFakeClock();
    [process, logged, lanes] = [0, [], []];
  }

  async function end(): Promise<void> {
    await Promise.all(lanes.map((lane) => lane.close()));
  }

  beforeEach(begin);
  afterEach(end);

  const world: LaneWorld = {
    get clock() {
      return clock;
    },
    now,
    get folder() {
      return folderOf();
    },
    get logged() {
      return logged;
    },
    open({
      answer = async () => good,
      refusalFor = () => undefined,
      models = () => [testModel("m")],
      shape = testShape,
      ...options
    } = {}) {
      const log = createLogger({
        level: "info",
        format: "json",
        name: "test",
        destination: { write: (line: string) => void logged.push(JSON.parse(line) as Record<string, unknown>) },
      });
      const lane = createLane({
        folder: folderOf(),
        maxWindowMs: 24 * hourMs,
        maxLineBytes: 1_000,
        clock,
        now,
        log,
        metrics,
        lock: async () => ({ release: () => {} }),
        ...options,
        limits: { freeBytes: 0, clientShare: 1, ...options.limits },
      });
      const front: LaneFront = {
        answer,
        refusalFor,
        shapes: { openai: shape, anthropic: shape },
        model(name) {
          const served = models();
          return served.find((model) => model.name === (name ?? served[0]?.name));
        },
      };
      lane.attend(front);
      lane.start();
      lanes.push(lane);
      return lane;
    },
    async kill() {
      const before = folderOf();
      process += 1;
      if (existsSync(before)) cpSync(before, folderOf(), { recursive: true });
      await lanes.pop()?.close();
    },
    async reset() {
      await end();
      begin();
    },
    async upload(lane, text, client = "c") {
      const receiving = await lane.files.receive(client, 1_000_000_000);
      await receiving.write(Buffer.from(text));
      const facts = { filename: "a.jsonl", purpose: "batch", expiresAt: Infinity };
      return (await receiving.finish(facts)).id;
    },
    async create(lane, input, more) {
      const view = await lane.batches.create({
        ...{ client: "c", dialect: "openai", endpoint: "/x", metadata: null, input, windowMs: 24 * hourMs },
        ...more,
      });
      return view.record;
    },
    async until(holds, time = "passes") {
      for (let turn = 0; turn < mostTurns;) {
        if (await holds()) return;
        await new Promise((resolve) => setImmediate(resolve));
        // The disk is real, and no time passes while it works: a slow disk does not change what happens, nor end the wait.
        if (getActiveResourcesInfo().some((what) => what.startsWith("FSReq"))) continue;
        turn += 1;
        if (turn % 20 === 0 && time === "passes") clock.advance(500);
      }
      throw new Error("The condition does not hold.");
    },
    async reaches(lane, id, status) {
      await world.until(async () => (await lane.batches.get(id, undefined)).record.status === status);
      return await lane.batches.get(id, undefined);
    },
    async resultsIn(lane, file) {
      if (file === undefined) return [];
      return resultsOf(await textOf(await lane.files.read(file, undefined)));
    },
  };
  return world;
}

export function testModel(name: string, more: Partial<LaneModel> = {}): LaneModel {
  return { name, slots: 2, isLoaded: true, ...more };
}

/** Lines of a batch with these ids. */
export function linesOf(ids: Iterable<string>, more: Readonly<Record<string, unknown>> = {}): string {
  return Array.from(ids, (id) => `${JSON.stringify({ id, ...more })}\n`).join("");
}

export function numbered(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${index}`);
}

export async function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  return await new Response(stream).text();
}

/** @throws Error unless each line is JSON */
export function resultsOf(text: string): readonly TestResult[] {
  if (text !== "" && !text.endsWith("\n")) throw new Error("The last line has no newline.");
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as TestResult);
}
