// Tests attacks of hostile clients on a worker with the embedded model, which serves an honest stream at the same time. Each attack is a separate
// case with the same limits: it is answered, pauses no other stream, keeps memory bounded, kills no process, and leaves all slots idle.
// A short run tests one attack of each kind. A long run tests all, and then sixteen attackers at once for half an hour.
import { deadlineSignal, withTimeout } from "@waggle/async";
import { createWorkerClient, type WorkerClient } from "@waggle/client";
import {
  createLeftoverCheck,
  createProcessGroups,
  endLeftovers,
  killProcess,
  mainThreadOf,
  errorText,
  poll,
} from "@waggle/testing/harness";
import { allWorkerRoutes, type Health } from "@waggle/protocol";
import {
  ask,
  brokenBodies,
  fieldAttacks,
  hostileSchemas,
  hostileStrings,
  schemaRequests,
  storms,
  type Attack,
  type HostileAnswer,
  type HostileRequest,
} from "@waggle/testing/hostile";
import { needs } from "@waggle/testing";
import { afterAll, describe, expect, it } from "vitest";
import { runHostile } from "./hostile/run.ts";
import { hostileFailures } from "./hostile/verdict.ts";
import { killDaemons, spawnModelWorker } from "../support/daemon.ts";
import { howToRepeat, isLong, limitMs, rowsOfKind, say, seed } from "../support/long.ts";
import { answerProblems } from "../support/verdict.ts";
import { forgetPeak, peakMib, watchWorker, type Watch } from "../support/watch.ts";

/**
 * A hostile request may take this many times the processor time of the costliest honest one, measured on the same worker, and may pause an honest
 * stream this many times as long. Both grow with a slow core, and neither does while a process is stopped.
 */
const timesHonest = 10;
/** A worker may do the rest of the work on its threads. */
const timesHonestOnThreads = 40;
/** An honest request counts as at least this much. */
const honestFloorMs = 50;
/** Limit for each process. When idle and run from source, the worker holds some 150 MiB, and the engine 100. */
const peakBudgetMib = 640;
/** Answers of attackers during which an honest request must get its first token: those of one round. */
const mostAnswersBefore = 600;
/** Ends an attack that hangs, also on a machine with other work. */
const hangMs = 120_000;
/** The context is longer than the embedded model's, to test costs that grow with the context. */
const usualFlags = ["--slots", "4", "--context-size", "2048"];

/** Duration of the run with sixteen attackers, and of the run before it with sixteen well-behaved clients. */
const crowdMinutes = Number(process.env["WAGGLE_HOSTILE_MINUTES"] ?? 30);
const routes = allWorkerRoutes;
/** The route with most fields. A short run attacks only its fields. */
const chatRoute = "POST /v1/chat/completions";
/** POST /v1/inference has the same schema as POST /v1/jobs, so only its body as a whole is attacked, and not its fields. */
const fields = fieldAttacks(routes).filter(
  ({ name, field }) => field === "(body)" || !name.startsWith("POST /v1/inference "),
);

interface Subject {
  readonly worker: Awaited<ReturnType<typeof spawnModelWorker>>;
  readonly enginePid: number;
  readonly watch: Watch;
  /** Milliseconds of the costliest honest request. */
  readonly honestMs: number;
}

let subject: Subject | undefined;
let flags: readonly string[] = usualFlags;

/** Returns the worker of the last case; starts a new one after a case that failed, so that its damage does not affect the next case. */
async function sound(): Promise<Subject> {
  if (subject !== undefined) return subject;
  const brevity = "--replay-window 500ms --answer-window 500ms --unclaimed-timeout 1s --retry-grace 1s";
  // Not every request can limit the length of its answer, and long answers would take too long. Searches and downloads must not reach the hub.
  const bounds = "--default-max-tokens 64 --offline";
  const daemon = await spawnModelWorker([...flags, ...`${brevity} ${bounds}`.split(" ")]);
  const client = createWorkerClient({ baseUrl: daemon.url, requestTimeoutMs: hangMs });
  const worker = { ...daemon, client };
  const { engine_pid: enginePid = 0 } = await worker.line("ready");
  const watch = watchWorker(worker.client, worker.url, worker.pid, enginePid);
  await poll("the first token of the honest stream", () => watch.tokens > 0);
  watch.takeStalls();
  const costsMs = [honestFloorMs];
  for (const { path, body } of honestRequests) {
    const before = mainThreadOf(worker.pid).cpuMs;
    await ask(worker.url, { name: "an honest request", method: "POST", path, body }, { timeoutMs: hangMs });
    costsMs.push(mainThreadOf(worker.pid).cpuMs - before);
  }
  const { streamMs, livezMs } = watch.takeStalls();
  subject = { worker, enginePid, watch, honestMs: Math.max(...costsMs, streamMs, livezMs) };
  return subject;
}

/** A prompt that fills the context, and a body as large as a worker takes. */
const honestRequests = [
  { path: "/v1/completions", body: () => JSON.stringify({ prompt: "the dog sat. ".repeat(400), max_tokens: 1 }) },
  { path: "/v1/completions", body: () => JSON.stringify({ prompt: "the dog sat. ".repeat(300_000), max_tokens: 1 }) },
];

async function dispose(): Promise<void> {
  const old = subject;
  subject = undefined;
  if (old !== undefined) end(old);
  await old?.watch.stop();
  await killDaemons();
}

/** Kills both processes: a computing engine does not notice at once that its worker has exited. */
function end({ worker, enginePid }: Subject): void {
  for (const pid of [worker.pid, enginePid]) killProcess(pid);
}

/** Kills a worker that uses three times the allowed memory. Every wait for the worker then fails. */
function guard(guarded: Subject, problems: string[]): Disposable {
  const timer = setInterval(() => {
    const mib = Math.max(peakMib(guarded.worker.pid), peakMib(guarded.enginePid));
    if (mib < peakBudgetMib * 3) return;
    clearInterval(timer);
    problems.push(`the worker was killed when it held ${Math.round(mib)} MiB`);
    end(guarded);
  }, 100);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

afterAll(dispose);

type Run = (subject: Subject, problems: string[]) => Promise<void>;

/** @returns problems with the attack's answers, and broken limits */
async function broken(attack: Run): Promise<string[]> {
  const attacked = await sound();
  const { worker, enginePid, watch, honestMs } = attacked;
  const problems: string[] = [];
  using _ = guard(attacked, problems);
  for (const pid of [worker.pid, enginePid]) forgetPeak(pid);
  watch.takeStalls();
  const problemsBefore = watch.problems.length;
  try {
    await attack(attacked, problems);
  } catch (error) {
    problems.push(errorText(error));
  }
  try {
    const health = await settled(worker.client);
    if (health.engine.deaths > 0) problems.push(`${health.engine.deaths} engine deaths`);
    if (!health.ready) problems.push(`not ready: ${health.reason ?? health.state}`);
  } catch (error) {
    problems.push(`the jobs did not end: ${errorText(error)}`);
  }
  for (const [what, ms] of Object.entries(watch.takeStalls()))
    if (ms > timesHonest * honestMs) problems.push(`${what} is ${Math.round(ms)}, and ${honestMs} for honest requests`);
  for (const [what, pid] of [["worker", worker.pid] as const, ["engine", enginePid] as const]) {
    const mib = peakMib(pid);
    if (mib > peakBudgetMib) problems.push(`the ${what} held ${Math.round(mib)} MiB`);
  }
  problems.push(...watch.problems.slice(problemsBefore));
  if (problems.length > 0) await dispose();
  return problems;
}

/** Waits until no job of the attack runs or waits. The honest stream continues. */
async function settled(client: WorkerClient): Promise<Health> {
  let last: Health | undefined;
  await poll(
    "all jobs of the attack to end",
    async () => {
      const slots = await client.slots();
      const left = slots.flatMap(({ job_id: job = "" }) => (job === "" || job.startsWith("honest-") ? [] : [job]));
      const health = await client.health();
      expect({ left, queued: health.queue.depth }).toEqual({ left: [], queued: 0 });
      last = health;
      return true;
    },
    hangMs,
  );
  if (last === undefined) throw new Error("The worker's health was not read");
  return last;
}

async function judge(request: HostileRequest, { worker, watch, honestMs }: Subject): Promise<string[]> {
  const before = watch.workedMs();
  const answer = await ask(worker.url, request, { timeoutMs: hangMs });
  const tookMs = watch.workedMs() - before;
  const problems = answerProblems(request, answer);
  if (answer.status >= 400 && tookMs > timesHonestOnThreads * honestMs)
    problems.push(`refused after ${tookMs} ms of work`);
  return problems.map((problem) => `${request.name}: ${problem}`);
}

/** Sends the requests one after another, and measures the CPU time that each takes on the main thread. */
async function judgeEach(requests: readonly HostileRequest[], subject: Subject, problems: string[]): Promise<void> {
  for (const request of requests) {
    const before = mainThreadOf(subject.worker.pid).cpuMs;
    try {
      problems.push(...(await judge(request, subject)));
    } catch (error) {
      problems.push(errorText(error), ...(await whereItHangs(subject)));
      // After a request without an answer, the others are not sent.
      return;
    }
    const tookMs = mainThreadOf(subject.worker.pid).cpuMs - before;
    if (tookMs > timesHonest * subject.honestMs) problems.push(`${request.name}: took ${tookMs} ms of the main thread`);
  }
}

/** The worker's slots and its last log lines: a hang is rare, so its failure message must help to find the cause. */
async function whereItHangs({ worker }: Subject): Promise<string[]> {
  const slots = await worker.client.slots().catch(String);
  return [
    `slots: ${JSON.stringify(slots)}`,
    ...worker.log.lines.slice(-8).map((line) => `log: ${JSON.stringify(line)}`),
  ];
}

/** Resolves when an honest request has its first token. */
async function honestFirstToken({ worker }: Subject): Promise<void> {
  for await (const event of worker.client.inference({
    prompt: "still there?",
    max_tokens: 5,
    priority: 10,
    ignore_eos: true,
  })) {
    if (event.type === "token") return;
  }
  throw new Error("An honest request got no token");
}

/** In a short run one large value for every fourth field of a chat. In a long run all large values, grouped by field. */
function largeRequests(): ReadonlyMap<string, readonly HostileRequest[]> {
  if (isLong) return new Map(fields.map(({ name, large }) => [name, large]));
  const ofChat = fields.filter(({ name }) => name.startsWith(`${chatRoute} `));
  const requests = ofChat.flatMap(({ large }, at) => (at % 4 === 0 ? large.slice(at % large.length).slice(0, 1) : []));
  return new Map([[chatRoute, requests]]);
}

/** Cases for titles with `%s`: `$name` shortens long names. */
function named<T extends { readonly name: string }>(cases: readonly T[]): [string, T][] {
  return cases.map((one) => [one.name, one]);
}

function stormOf(what: string): Attack {
  const found = storms.find(({ name }) => name.startsWith(what));
  if (found === undefined) throw new Error(`There is no storm with the name ${what}`);
  return found;
}

describe("each field with deeply nested or large values", () => {
  it.each([...largeRequests()])("%s", async (_, requests) => {
    expect(await broken((subject, problems) => judgeEach(requests, subject, problems)), howToRepeat).toEqual([]);
  });
  it("malformed bodies", async () => {
    const sample = brokenBodies(routes).filter(({ name }) => isLong || name.startsWith(chatRoute));
    expect(await broken((subject, problems) => judgeEach(sample, subject, problems)), howToRepeat).toEqual([]);
  });
});

describe("schemas", () => {
  it.each(named(rowsOfKind(hostileSchemas)))("%s", async (_, schema) => {
    expect(await broken((subject, problems) => judgeEach(schemaRequests(schema), subject, problems))).toEqual([]);
  });
});

describe("storms", () => {
  it.each(named(rowsOfKind(storms)))("%s", async (_, { run }) => {
    const problems = await broken(async ({ worker }, found) => {
      const answered = (request: HostileRequest, answer: HostileAnswer): void => {
        found.push(...answerProblems(request, answer).map((problem) => `${request.name}: ${problem}`));
      };
      using deadline = deadlineSignal(hangMs);
      const { signal } = deadline;
      await run({ url: worker.url, signal, answered }, 0);
      if (signal.aborted) found.push("a round did not end in time");
    });
    expect(problems).toEqual([]);
  });

  it(
    "sessions that supersede their own jobs in every slot do not delay the next job",
    needs("a long run"),
    async () => {
      const problems = await broken(async (subject, found) => {
        const over = new AbortController();
        const supersede = stormOf("sessions");
        let answers = 0;
        const target = { url: subject.worker.url, signal: over.signal, answered: () => void (answers += 1) };
        // One attacker has four sessions, which fill all slots. With more attackers, this process would be too busy.
        const attacker = (async () => {
          for (let round = 0; !over.signal.aborted; round += 1) await supersede.run(target, round);
        })();
        try {
          await withTimeout(honestFirstToken(subject), hangMs, "An honest request got no token");
          if (answers > mostAnswersBefore) found.push(`an honest request waited for ${answers} answers of attackers`);
        } finally {
          over.abort();
          await attacker;
        }
      });
      expect(problems).toEqual([]);
    },
  );

  it("100 unfinished bodies of 4 MiB at once", needs("a long run"), async () => {
    const unfinished = stormOf("bodies");
    const problems = await broken(async ({ worker }) => {
      using deadline = deadlineSignal(hangMs);
      const target = { url: worker.url, signal: deadline.signal };
      // Each round opens twenty connections, of which a third send megabytes.
      await Promise.all(Array.from({ length: 15 }, (_, round) => unfinished.run(target, round)));
    });
    expect(problems).toEqual([]);
  });
});

describe("embeddings", needs("a long run"), () => {
  it("of texts as long as a context of 8,192 tokens do not pause the streams", async () => {
    await dispose();
    flags = ["--slots", "4", "--context-size", "8192"];
    const problems = await broken(async ({ worker }, found) => {
      const input = Array.from({ length: 2 }, (_, index) => `${index} ${"the dog sat. ".repeat(1_900)}`);
      const body = (): string => JSON.stringify({ input });
      const request = { name: "2 long embeddings", method: "POST", path: "/v1/embeddings", body };
      found.push(...answerProblems(request, await ask(worker.url, request, { timeoutMs: hangMs })));
    });
    flags = usualFlags;
    await dispose();
    expect(problems).toEqual([]);
  });
});

it("each hostile job_id is refused, or the stream of its job can be read", async () => {
  const { worker } = await sound();
  const send = async (method: string, path: string, body?: object): Promise<Response> =>
    await fetch(new URL(path, worker.url), { method, ...(body && { body: JSON.stringify(body) }) });
  for (const id of hostileStrings) {
    // The job runs until it is cancelled, because the worker soon forgets an ended one.
    const job = { prompt: "Hi", max_tokens: 2_000, ignore_eos: true, on_disconnect: "continue", job_id: id };
    const answer = await send("POST", "/v1/jobs", job);
    const { sse_url: path = "" } = (await answer.json()) as { sse_url?: string };
    if (answer.status === 400) continue;
    expect([id, answer.status]).toEqual([id, 202]);
    const stream = await send("GET", path);
    expect([id, stream.status]).toEqual([id, 200]);
    await send("DELETE", path.replace(/\/stream$/, ""));
    expect([id, await stream.text()]).toEqual([id, expect.stringContaining("event: end")]);
  }
});

describe("sixteen attackers at once", needs("a long run"), () => {
  it(
    "leave honest streams as complete, real and steady as with sixteen well-behaved clients",
    { timeout: limitMs },
    async ({ signal }) => {
      await dispose();
      const groups = createProcessGroups("hostile");
      const leftovers = createLeftoverCheck();
      const shared = { groups, leftovers, seed, minutes: crowdMinutes, progress: say, interrupted: signal };
      try {
        const control = await runHostile({ ...shared, kind: "control" });
        const hostile = await runHostile({ ...shared, kind: "hostile" });
        for (const { failures: _, ...figures } of [control, hostile]) say(JSON.stringify(figures, null, 2));
        expect(hostileFailures(control, hostile), howToRepeat).toEqual([]);
      } finally {
        groups.killAll();
      }
      expect(endLeftovers(await leftovers.check())).toEqual([]);
    },
  );
});

describe("after all attacks", () => {
  it("the worker serves, no engine has died, and the log has no errors", async () => {
    const subject = await sound();
    await honestFirstToken(subject);
    expect(await subject.worker.client.health()).toMatchObject({ ready: true, engine: { starts: 1, deaths: 0 } });
    expect(subject.watch.problems).toEqual([]);
    const bad = subject.worker.log.lines.filter(({ level }) => level === "error" || level === "fatal");
    expect(bad).toEqual([]);
  });
});
