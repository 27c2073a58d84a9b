// Runs one round of parallel streams, and measures the cost of each token for the two main threads.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import type { Worker } from "@waggle/testing/harness";
import { playRound } from "./step-rounds.ts";

export interface TokenFigures {
  readonly tokens: number;
  readonly engineUs: number;
  readonly daemonUs: number;
  /** Thousands of user-space instructions per token, by the processor's counter: other load on the machine hardly changes them. */
  readonly engineKi: number;
  readonly daemonKi: number;
  /** Bytes and write calls per token of the engine process's main thread, which writes only messages. */
  readonly messageBytes: number;
  readonly messageWrites: number;
  /** Bytes and write calls per token of the daemon's main thread, nearly all to its clients. */
  readonly frameBytes: number;
  readonly frameWrites: number;
}

export const tokenFigures = [
  { key: "engineUs", name: "engine, us", digits: 1 },
  { key: "daemonUs", name: "daemon, us", digits: 1 },
  { key: "engineKi", name: "engine, 1,000 instructions", digits: 0 },
  { key: "daemonKi", name: "daemon, 1,000 instructions", digits: 0 },
  { key: "messageBytes", name: "message, bytes", digits: 0 },
  { key: "messageWrites", name: "writes", digits: 2 },
  { key: "frameBytes", name: "frames, bytes", digits: 0 },
  { key: "frameWrites", name: "writes", digits: 2 },
] as const satisfies readonly { readonly key: keyof TokenFigures; readonly name: string; readonly digits: number }[];

export async function measure(
  worker: Worker,
  round: { readonly streams: number; readonly round: number; readonly maxTokens: number },
): Promise<TokenFigures> {
  const pids = [worker.enginePid(), worker.pid];
  const counted = await countInstructions(pids);
  const before = pids.map(writtenBy);
  const { tokens, engineUs, daemonUs } = await playRound(
    worker,
    { name: "endless", body: { ignore_eos: true } },
    round,
  );
  const [engineInstructions = Number.NaN, daemonInstructions = Number.NaN] = await counted();
  const [engine = none, daemon = none] = pids.map((pid, i) => grown(writtenBy(pid), before[i] ?? none, tokens));
  return {
    tokens,
    engineUs,
    daemonUs,
    engineKi: engineInstructions / tokens / 1_000,
    daemonKi: daemonInstructions / tokens / 1_000,
    messageBytes: engine.bytes,
    messageWrites: engine.calls,
    frameBytes: daemon.bytes,
    frameWrites: daemon.calls,
  };
}

interface Written {
  readonly bytes: number;
  readonly calls: number;
}

const none: Written = { bytes: 0, calls: 0 };

/** Bytes and write calls of a process's main thread, to files, pipes and sockets alike; see proc(5). Linux only. */
function writtenBy(pid: number): Written {
  const io = readFileSync(`/proc/${pid}/task/${pid}/io`, "utf8");
  const field = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, "m").exec(io)?.[1]);
  return { bytes: field("wchar"), calls: field("syscw") };
}

function grown(now: Written, before: Written, tokens: number): Written {
  return { bytes: (now.bytes - before.bytes) / tokens, calls: (now.calls - before.calls) / tokens };
}

/**
 * Counts user-space instructions of the processes' main threads with Linux's perf, until the returned function is called. The counts are NaN if
 * perf is missing or not permitted.
 */
async function countInstructions(pids: readonly number[]): Promise<() => Promise<readonly number[]>> {
  const counter = spawn("perf", ["stat", "-x", ";", "-e", "instructions:u", "--per-thread", "-t", pids.join(",")]);
  const gone = once(counter, "close").catch(() => undefined);
  const printed = text(counter.stderr);
  await once(counter, "spawn").catch(() => undefined);
  return async () => {
    counter.kill("SIGINT");
    await gone;
    const lines = (await printed).split("\n");
    return pids.map((pid) => Number(lines.find((line) => line.split(";")[0]?.endsWith(`-${pid}`))?.split(";")[1]));
  };
}
