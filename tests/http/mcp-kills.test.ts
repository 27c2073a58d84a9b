// Tests that no MCP call runs twice while the daemon is killed in each phase of a job, with the official file server and everything-server. Their
// input is logged, so each call that reached a server counts. A long run kills the daemon 200 times: `pnpm test:long tests/http/mcp-kills`.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { deferred } from "@waggle/async";
import type { StreamEvent } from "@waggle/protocol";
import { createRandom } from "@waggle/testing/harness";
import { expect, test } from "vitest";
import { spawnFakeWorker } from "../support/daemon.ts";
import type { ListeningWorker } from "../support/daemon.ts";
import { isLong, howToRepeat, limitMs, say as report, seed } from "../support/long.ts";
import { useMcpFolder } from "./mcp-folder.ts";
import { asking, calling, consent, serverProgram, kill, results, say } from "./mcp-jobs.ts";

const kills = isLong ? 200 : 4;
/** With more open jobs than this, the daemon runs until they end. */
const mostJobs = 8;

const { path } = useMcpFolder();

const phases = [
  "step 0 waits",
  "step 0 runs",
  "waits for consent",
  "a call runs",
  "between calls",
  "step 1 waits",
  "step 1 runs",
  "ended",
] as const;
type Phase = (typeof phases)[number];

interface KilledJob {
  readonly index: number;
  readonly calls: readonly { readonly name: string; readonly arguments: object }[];
  phase: Phase;
  /** Results of the present try. */
  events: StreamEvent[];
}

/** One call of each kind: with an effect that counts its runs, with an echo, with consent, and one that takes time. */
function newJob(index: number): KilledJob {
  writeFileSync(path(`${index}.txt`), "end\n");
  const edits = [{ oldText: "end", newText: "+end" }];
  return {
    index,
    calls: [
      { name: "files__edit_file", arguments: { path: path(`${index}.txt`), edits } },
      { name: "everything__get-sum", arguments: { a: index, b: 1 } },
      { name: "everything__trigger-long-running-operation", arguments: { duration: 0.2, steps: index + 1 } },
      { name: "everything__echo", arguments: { message: `${say("Done.")} ${index}` } },
    ],
    phase: "step 0 waits",
    events: [],
  };
}

function phaseAfter(event: StreamEvent, { phase, calls, events }: KilledJob): Phase {
  if (event.type === "end") return "ended";
  if (event.type === "tool_call") return event.state === "running" ? "a call runs" : "waits for consent";
  const left = calls.length - results(events).length;
  if (event.type === "tool_result") return left === 0 ? "step 1 waits" : "between calls";
  if (event.type === "token") return left === 0 ? "step 1 runs" : "step 0 runs";
  return phase;
}

async function spawn(): Promise<ListeningWorker> {
  const logged = (name: string, args: readonly string[], alwaysAllow: readonly string[]): object => ({
    command: "sh",
    args: [
      ...["-c", 'log=$1; shift; tee -a "$log" | "$@"', "sh", path(`${name}.log`)],
      ...[process.execPath, serverProgram(`server-${name}`), ...args],
    ],
    alwaysAllow,
  });
  const servers = {
    files: logged("filesystem", [path(".")], ["edit_file"]),
    everything: logged("everything", [], ["echo", "trigger-long-running-operation"]),
  };
  writeFileSync(path("mcp.json"), JSON.stringify({ mcpServers: servers }));
  const journal = ["--mcp-journal-dir", path("journal"), "--worker-id", "mcp-test"];
  // With one message of calls in each job, a second run of a tool cannot be the model's wish.
  return await spawnFakeWorker(["--mcp-config", path("mcp.json"), ...journal, "--mcp-steps", "1", "--slots", "4"]);
}

/** Asks, and gives consent except in the phase that `onPhase` waits for. The stream breaks when the daemon is killed. */
async function ask(worker: ListeningWorker, job: KilledJob, onPhase: (phase: Phase) => boolean): Promise<void> {
  const names = job.calls.map(({ name }) => name);
  const id = `job-${job.index}`;
  const message = job.calls.map((one) => calling(one.name, one.arguments)).join("");
  job.events = [];
  job.phase = "step 0 waits";
  try {
    for await (const event of worker.client.inference(asking(message, id, names))) {
      job.events.push(event);
      job.phase = phaseAfter(event, job);
      const isReached = onPhase(job.phase);
      if (event.type === "tool_call" && event.state === "waits_for_consent" && !isReached)
        await consent(worker, id, event.call_id);
    }
  } catch {
    // The daemon was killed.
  }
}

/** Number of times that each call reached its server. */
function runsByCall(): ReadonlyMap<string, number> {
  const runs = new Map<string, number>();
  for (const [server, log] of [
    ["files", "filesystem.log"],
    ["everything", "everything.log"],
  ] as const) {
    const lines = existsSync(path(log)) ? readFileSync(path(log), "utf8").split("\n").filter(Boolean) : [];
    for (const line of lines) {
      const { method, params } = JSON.parse(line) as { method: string; params: { name: string; arguments: object } };
      if (method !== "tools/call") continue;
      const key = keyOf({ name: `${server}__${params.name}`, arguments: params.arguments });
      runs.set(key, (runs.get(key) ?? 0) + 1);
    }
  }
  return runs;
}

const keyOf = ({ name, arguments: given }: KilledJob["calls"][number]): string => JSON.stringify([name, given]);

test(`no tool of the official servers runs twice: ${kills} kills of the daemon`, { timeout: limitMs }, async () => {
  const random = createRandom(seed);
  const jobs: KilledJob[] = [];
  const killedIn = new Map<Phase, number>(phases.map((phase) => [phase, 0]));
  const cutIn = new Map<Phase, number>(phases.map((phase) => [phase, 0]));
  const open = (): readonly KilledJob[] => jobs.filter(({ phase }) => phase !== "ended");
  const add = (counts: Map<Phase, number>, phase: Phase): void => void counts.set(phase, (counts.get(phase) ?? 0) + 1);

  for (let done = 0; done < kills; done += 1) {
    const newest = newJob(jobs.length);
    const last = jobs.at(-1);
    jobs.push(newest);
    const worker = await spawn();
    // A job that has ended continues after its recorded messages too.
    const asked = new Set([...open(), ...(last === undefined ? [] : [last])]);
    const isCrowded = asked.size > mostJobs;
    const target = isCrowded ? "ended" : random.pick(phases);
    const reached = deferred<void>();
    const onPhase = (phase: Phase): boolean => {
      if (phase === target) reached.resolve();
      return phase === target;
    };
    const all = Promise.all(
      [...asked].map(async (job) => await ask(worker, job, job === newest ? onPhase : () => false)),
    );
    await (isCrowded ? all : Promise.race([reached.promise, all]));
    add(killedIn, newest.phase);
    for (const job of asked) add(cutIn, job.phase);
    await kill(worker);
    await all;
  }
  const worker = await spawn();
  await Promise.all(open().map(async (job) => await ask(worker, job, () => false)));
  expect(open()).toEqual([]);

  const runs = runsByCall();
  const counts = jobs.flatMap((job) =>
    job.calls.map((one, at) => {
      const [tool, outcome] = results(job.events)[at] ?? [];
      return { job: job.index, tool, outcome, runs: runs.get(keyOf(one)) ?? 0 };
    }),
  );
  for (const counted of counts) {
    const most = counted.outcome === "done" ? [1] : [0, 1];
    expect([counted, howToRepeat]).toEqual([
      { ...counted, outcome: expect.stringMatching(/^(done|unknown)$/), runs: expect.toBeOneOf(most) },
      howToRepeat,
    ]);
  }
  for (const { index } of jobs) {
    expect(["end\n", "+end\n"]).toContain(readFileSync(path(`${index}.txt`), "utf8"));
  }
  const total = (outcome: string, times: number): number =>
    counts.filter((one) => one.outcome === outcome && one.runs === times).length;
  report(JSON.stringify({ seed, killedIn: [...killedIn], cutIn: [...cutIn], calls: counts.length }));
  report(
    `done, ran once: ${total("done", 1)}; unknown, ran once: ${total("unknown", 1)}; unknown, did not run: ${total("unknown", 0)}`,
  );
});
