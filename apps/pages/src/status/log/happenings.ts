// Owns the sentences for what happened to the server: one row for each kind of log line worth a sentence. Pure.
import type { LogLine } from "@waggle/protocol";
import { formatCounted, formatMilliseconds } from "../../parts/format.ts";

export interface Happening {
  readonly seq: number;
  /** Milliseconds since 1970: of the last one, if several are alike. */
  readonly at: number;
  readonly words: string;
  /** Number of lines in a row with the same sentence. */
  readonly count: number;
  readonly weight: "good" | "warn" | "bad" | "";
}

type Fields = LogLine["fields"];
type Sentence = readonly [weight: Happening["weight"], words: string];

const text = (value: unknown): string => (typeof value === "string" || typeof value === "number" ? String(value) : "");
const because = ({ reason }: Fields): string => (text(reason) === "" ? "" : `: ${text(reason)}`);

/** Undefined for a line without news. */
const sentences: Readonly<Record<string, (fields: Fields) => Sentence | undefined>> = {
  listening: ({ version }) => ["good", `Waggle ${text(version)} started`],
  model_state: modelSentence,
  model_failed: (fields) => ["bad", `${text(fields["model"])} failed${because(fields)}`],
  model_unload: ({ model, reason }) => ["", `${text(model)} is unloaded${unloadReasons[text(reason)] ?? ""}`],
  model_missing: (fields) => ["warn", `The file of ${text(fields["model"])} is missing${because(fields)}`],
  model_download: ({ model, percent }) => (percent === 100 ? ["good", `${text(model)} is downloaded`] : undefined),
  model_not_hashed: ({ model }) => ["warn", `The file of ${text(model)} cannot be hashed`],
  projector_unused: (fields) => ["warn", `${text(fields["model"])} cannot read pictures${because(fields)}`],
  gpu_unused: (fields) => ["warn", `A GPU is not used${because(fields)}`],
  worker_state: ({ to, reason }) =>
    to === "draining"
      ? ["warn", `The server drains: it takes no more jobs${because({ reason })}`]
      : to === "failed"
        ? ["bad", `The worker failed${because({ reason })}`]
        : undefined,
  drain_aborted: ({ jobs }) => ["bad", `The drain timeout ended ${formatCounted(Number(jobs), "job")}`],
  nats_unreachable: (fields) => ["bad", `NATS does not answer${because(fields)}`],
  nats_disconnected: () => ["warn", "The connection to NATS is lost"],
  nats_connected: () => ["good", "The connection to NATS is open"],
  nats_permission_denied: ({ topic }) => ["bad", `NATS denies access to ${text(topic)}: check its credentials`],
  worker_lost: ({ worker }) => ["warn", `Worker ${text(worker)} is lost: its jobs continue on others`],
  worker_left: ({ worker }) => ["", `Worker ${text(worker)} left`],
  fleet_job_rescued: ({ worker }) => ["", `A job of worker ${text(worker)} continues on another worker`],
  hive_down: (fields) => ["warn", `The hive does not answer${because(fields)}`],
  hive_up: () => ["good", "The hive answers"],
  hive_command: ({ command }) => ["warn", `The hive asks the worker to ${text(command)}`],
  mcp_server_failed: (fields) => ["bad", `MCP server ${text(fields["server"])} failed${because(fields)}`],
  mcp_server: ({ server, state }) => (state === "ready" ? ["good", `MCP server ${text(server)} is ready`] : undefined),
  history_not_written: (fields) => ["warn", `The day on disk cannot be written${because(fields)}`],
  tokens_reloaded: ({ tokens }) => ["", `${formatCounted(Number(tokens), "API token")} loaded`],
};

const unloadReasons: Readonly<Record<string, string>> = {
  memory: ": another model needs its memory",
  idle: ": it was not used",
};

function modelSentence({ model, from, to, reason, jobs }: Fields): Sentence | undefined {
  if (to === "ready") return ["good", `${text(model)} is ready`];
  if (from !== "ready" || to !== "loading") return undefined;
  const why = text(reason).replace(/^the engine is restarting: /, "");
  const count = Number(jobs ?? 0);
  const continued = count === 0 ? "" : ` ${formatCounted(count, "answer")} ${count === 1 ? "continues" : "continue"}`;
  return [
    "bad",
    `The engine of ${text(model)} is restarted${why === "" ? "" : `: ${why.replace(/\.$/, "")}.`}${continued}`,
  ];
}

/** Newest first. @param lines oldest first */
export function happeningsOf(lines: readonly LogLine[]): readonly Happening[] {
  const found: Happening[] = [];
  for (const { seq, time, message, fields } of lines) {
    const sentence = Object.hasOwn(sentences, message) ? sentences[message]?.(fields) : undefined;
    if (sentence === undefined) continue;
    const [weight, raw] = sentence;
    const words = `${raw.replace(/\b\d{4,}(?:\.\d+)? ms\b/g, (long) => formatMilliseconds(Number.parseFloat(long))).replace(/\.$/, "")}.`;
    const last = found.at(-1);
    const count = last?.words === words ? last.count + 1 : 1;
    if (count > 1) found.pop();
    found.push({ seq, at: Date.parse(time), words, count, weight });
  }
  return found.toReversed();
}
