// Makes the files of a day that a worker has kept on disk, with a slow hour: many clients, an engine that hung, and jobs that waited.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EndedJob, HistoryPoint, LogLine } from "@waggle/protocol";

const pointMs = 10_000;
const pointsOfDay = 8_640;
/** The slow time begins at a whole hour, three hours ago. */
const slowMs = 20 * 60_000;
const hourMs = 3_600_000;
const jobs = 200;

/** Returns the value of the slow hour in the status page's list of times. @param place the worker's id */
export function makeDay(stateFolder: string, place: string, now = Date.now()): string {
  const folder = join(stateFolder, "history");
  const begin = now - pointsOfDay * pointMs;
  const write = (client: string, rows: readonly string[]): void =>
    writeFileSync(join(folder, `${begin}~${place}~${client}.jsonl`), rows.join(""));
  mkdirSync(folder, { recursive: true });
  const points = Array.from({ length: pointsOfDay }, (_, i) => pointAt(begin + (i + 1) * pointMs, now));
  write("", [...points.map((point) => row("point", Date.parse(point.at), point)), ...logOf(now)]);
  write(
    "local",
    Array.from({ length: jobs }, (_, i) => endedJob(i, now - (jobs - i) * 100_000, now)).map((job) =>
      row("job", Date.parse(job.ended_at), job),
    ),
  );
  return `${slowFrom(now)}-${slowFrom(now) + hourMs}`;
}

function slowFrom(now: number): number {
  return Math.floor(now / hourMs) * hourMs - 3 * hourMs;
}

function isSlow(at: number, now: number): boolean {
  return at > slowFrom(now) && at <= slowFrom(now) + slowMs;
}

function pointAt(at: number, now: number): HistoryPoint {
  const slow = isSlow(at, now);
  const wave = Math.sin(at / 900_000);
  const first = slow ? 14_000 : 220 + 60 * wave;
  return {
    at: new Date(at).toISOString(),
    span_ms: pointMs,
    tokens_per_second: slow ? 12 : 60 + 25 * wave,
    prompt_tokens_per_second: slow ? 900 : 200,
    running: slow ? 8 : 3,
    waiting: slow ? 14 : 0,
    accepted: slow ? 9 : 2,
    errors: slow && at % 60_000 < pointMs ? { resource_exhausted: 2 } : {},
    ttft: { p50_ms: first / 2, p95_ms: first, count: 9 },
    itl: { p50_ms: slow ? 160 : 22, p95_ms: slow ? 420 : 40, count: 500 },
    step: { p50_ms: slow ? 150 : 20, p95_ms: slow ? 400 : 38, count: 90 },
    batch_width: slow ? 7.5 : 3.2,
    kv_use: slow ? 0.93 : 0.35,
    cpu_busy: slow ? 0.98 : 0.5,
    free_memory_bytes: 6_000_000_000,
  };
}

function logOf(now: number): string[] {
  const at = slowFrom(now) + 240_000;
  const line = (after: number, level: LogLine["level"], msg: string, fields: object): string => {
    const time = new Date(at + after).toISOString();
    return row("log", at + after, { seq: at + after, level, time, msg, ...fields });
  };
  const states = { model: "waggle-fake", reason: "the engine is restarting: a step took 31 s.", jobs: 3 };
  return [
    line(0, "warn", "model_state", { ...states, from: "ready", to: "loading" }),
    line(3_000, "info", "model_state", { model: "waggle-fake", from: "loading", to: "ready" }),
  ];
}

function endedJob(i: number, at: number, now: number): EndedJob {
  const slow = isSlow(at, now);
  const failed = slow && i % 9 === 0;
  return {
    job_id: `job-${(i * 7_919_777 + 1_234_567_891).toString(16)}-4d1c-9b7e-${(i * 65_537 + 4_096).toString(16)}`,
    stream_id: `job-${i}`,
    client: "local",
    kind: "generate",
    model: "waggle-fake",
    state: failed ? "failed" : "finished",
    reason: failed ? "deadline_exceeded" : "stop",
    ended_at: new Date(at).toISOString(),
    prompt_tokens: 900 + i,
    cached_tokens: 640,
    tokens: 180,
    waiting_ms: slow ? 13_500 : 4,
    reading_ms: slow ? 2_400 : 210,
    writing_ms: slow ? 28_000 : 4_100,
  };
}

function row(kind: string, at: number, value: object): string {
  return `{"kind":"${kind}","at":${at},"row":${JSON.stringify(value)}}\n`;
}
