// Owns one round of streams side by side, and what it has cost the two main threads for each token.
import { readFileSync } from "node:fs";
import type { Worker } from "@waggle/harness";
import { playRound } from "./step-rounds.ts";

export interface TokenFigures {
  readonly tokens: number;
  readonly engineUs: number;
  readonly daemonUs: number;
  /** Written by the engine's main thread, which writes messages only: their bytes, and how many writes. */
  readonly messageBytes: number;
  readonly messageWrites: number;
  /** Written by the daemon's, nearly all to its clients. */
  readonly frameBytes: number;
  readonly frameWrites: number;
}

export const tokenFigures = [
  { key: "engineUs", name: "engine, us", digits: 1 },
  { key: "daemonUs", name: "daemon, us", digits: 1 },
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
  const before = pids.map(writtenBy);
  const { tokens, engineUs, daemonUs } = await playRound(
    worker,
    { name: "endless", body: { ignore_eos: true } },
    round,
  );
  const [engine = none, daemon = none] = pids.map((pid, i) => grown(writtenBy(pid), before[i] ?? none, tokens));
  return {
    tokens,
    engineUs,
    daemonUs,
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

/** By the main thread of a process, to files, pipes and sockets alike; see proc(5). Linux only. */
function writtenBy(pid: number): Written {
  const io = readFileSync(`/proc/${pid}/task/${pid}/io`, "utf8");
  const field = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, "m").exec(io)?.[1]);
  return { bytes: field("wchar"), calls: field("syscw") };
}

function grown(now: Written, before: Written, tokens: number): Written {
  return { bytes: (now.bytes - before.bytes) / tokens, calls: (now.calls - before.calls) / tokens };
}
