// Profiles a worker's two main threads with V8's sampling profiler, and sums up the time by the parts of a token's path.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  repositoryPath,
  startWorker,
  withoutSettings,
  type ProcessGroups,
  type Worker,
  type WorkerSpec,
} from "@waggle/testing/harness";

const preload = pathToFileURL(repositoryPath("bench/lib/profiled.js")).href;

/** The used fields of a V8 profile. Times are in microseconds. */
interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly children?: readonly number[];
}

export interface ProcessShares {
  readonly process: "engine" | "daemon";
  /** Largest share first. */
  readonly rows: readonly { readonly part: string; readonly us: number }[];
}

/** Parts of a token's path. The innermost frame of a stack that matches a pattern decides. Patterns match "function file" of a frame. */
const parts: readonly (readonly [part: string, frame: RegExp])[] = [
  ["garbage collection", /^\(garbage collector\)/],
  ["message: serialize and write", /^(writeChannelMessage|target\._send|process\.target\._send) /],
  ["message: read and parse", /^(parseChannelMessages|channel\.onread) /],
  ["frame: write to the socket", /(_http_outgoing|node:net$|stream_base_commons|internal\/streams)/],
  ["frame: serialize", /(\/front\/.*framing|\/encoding\.|\/sse\/)/],
  ["reader and connection", /(\/front\/|\/jobs\/.*\/reader\.)/],
  ["timers", /(\/async\/.*timer|node:internal\/timers|node:timers)/],
  ["metrics", /(prom-client|engine-metrics|\/telemetry\/)/],
  ["jobs", /\/jobs\//],
  ["supervisor and watchdog", /\/apps\/worker\//],
  ["plan", /\/engine\/.*\/(schedule|pacing|choice|threads|pass-costs|prefill-budget)\./],
  ["scheduling point", /\/engine\/.*\/(transfers|kv-offload|texts)\./],
  ["text and results", /\/engine\/.*\/(apply|sequence|answer-parts|decode-text|repetition)\.|\/chat-format\//],
  ["outbox", /\/engine\/.*\/outbox\./],
  ["backend", /(fake-|engine-llama|node-llama-cpp)/],
  ["step loop", /\/engine\//],
];
const idle = /^\((idle|program|root)\) /;

/** @param play puts load on the worker and resolves with the number of tokens; it is called twice, and only the second call is measured */
export async function profileWorker(
  groups: ProcessGroups,
  spec: Pick<WorkerSpec, "command" | "flags">,
  play: (worker: Worker) => Promise<number>,
): Promise<ProcessShares[]> {
  const folder = await mkdtemp(join(tmpdir(), "waggle-profile-"));
  try {
    const env = { ...withoutSettings(process.env), BENCH_PROFILES: folder, NODE_OPTIONS: `--import ${preload}` };
    await using worker = await startWorker(groups, { ...spec, env });
    const engine = worker.enginePid();
    await play(worker);
    for (const pid of [engine, worker.pid]) process.kill(pid, "SIGUSR2");
    const tokens = await play(worker);
    await worker.stop(10_000);
    const sharesOfPid = async (pid: number): Promise<ProcessShares["rows"]> => {
      const text = await readFile(join(folder, `${pid}.cpuprofile`), "utf8");
      return sharesOf(JSON.parse(text) as Profile, tokens);
    };
    return [
      { process: "engine", rows: await sharesOfPid(engine) },
      { process: "daemon", rows: await sharesOfPid(worker.pid) },
    ];
  } finally {
    await rm(folder, { recursive: true });
  }
}

function sharesOf({ nodes, samples, timeDeltas }: Profile, tokens: number): ProcessShares["rows"] {
  const partOfNode = partsOf(nodes);
  const us = new Map<string, number>();
  samples.forEach((id, i) => {
    const part = partOfNode.get(id);
    if (part !== undefined) us.set(part, (us.get(part) ?? 0) + (timeDeltas[i + 1] ?? 0));
  });
  return [...us].map(([part, sum]) => ({ part, us: sum / tokens })).toSorted((a, b) => b.us - a.us);
}

/** The part of each node that is not idle; "other" if no frame of its stack matches a pattern. */
function partsOf(nodes: readonly ProfileNode[]): ReadonlyMap<number, string> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const found = new Map<number, string>();
  const visit = (node: ProfileNode, outer: string): void => {
    const frame = `${node.callFrame.functionName} ${node.callFrame.url}`;
    const part = parts.find(([, pattern]) => pattern.test(frame))?.[0] ?? outer;
    if (!idle.test(frame)) found.set(node.id, part);
    for (const id of node.children ?? []) visit(byId.get(id) as ProfileNode, part);
  };
  const [root] = nodes;
  if (root !== undefined) visit(root, "other");
  return found;
}
