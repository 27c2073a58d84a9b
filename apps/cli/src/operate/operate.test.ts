// Tests the commands of operators over HTTP, against a scripted worker or hive.
import { WaggleError, type EndedJob, type JobList, type LogLine, type UsageReport } from "@waggle/protocol";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { modelStatus, startFakeWorker } from "../testing/fake-worker.ts";
import { runCommand, type CommandResult } from "../testing/run-command.ts";

const today = "2026-02-01T12:00:00.000Z";
beforeAll(() => void vi.useFakeTimers({ now: Date.parse(today), toFake: ["Date"] }));
afterAll(() => void vi.useRealTimers());

interface Asked extends CommandResult {
  readonly asked: readonly string[];
}

async function ask(argv: readonly string[], routes: Readonly<Record<string, unknown>>): Promise<Asked> {
  await using server = await startFakeWorker({ routes });
  const result = await runCommand([...argv, "--url", server.url]);
  return { ...result, asked: server.asked.map(([method, path]) => `${method} ${path}`) };
}

const job = { kind: "generate", model: "bee", tokens: 12, age_ms: 3_000 } as const;
const list: JobList = {
  jobs: [
    { ...job, job_id: "j1", client: "ann", state: "decode", position: 0, running_ms: 2_000 },
    { ...job, job_id: "j2", client: "bob", state: "queued", position: 1, tokens: 0 },
  ],
  total: 3,
  of: "all",
};
const jobs = { "GET /v1/jobs": list };
const asksForJobs = "GET /v1/jobs?ended=true";
const hive = { "GET /v1/info": new WaggleError("not_found", "No such route"), "GET /v1/workers": { workers: [] } };

it("jobs lists running and waiting jobs with the time that they waited", async () => {
  const { out } = await ask(["jobs"], jobs);
  expect(out).toMatch(/^j1 +ann +bee +writing +12 +1 s$/m);
  expect(out).toMatch(/^j2 +bob +bee +waiting, next +0 +3 s$/m);
  expect(out).toContain("1 more job.");
  expect(JSON.parse((await ask(["jobs", "--json"], jobs)).out)).toEqual(list);
});

it("jobs shows the worker of each job that a gateway lists", async () => {
  const [first, ...others] = list.jobs;
  const { out } = await ask(["jobs"], { "GET /v1/jobs": { ...list, jobs: [{ ...first, worker: "w1" }, ...others] } });
  expect(out).toMatch(/^JOB .* STATE +WORKER +TOKENS +WAITED$/m);
  expect(out).toMatch(/^j1 .* w1 +\d/m);
});

it("jobs shows a fleet's job under the client's id, and cancel takes it", async () => {
  const taken = { ...list.jobs[0], job_id: "0123456789abcdef.11111111", stream_id: "job-2ff7" };
  const ofFleet = {
    jobs: [taken],
    total: 1,
    of: "all",
    ended: [{ ...ended, job_id: "0123.2", stream_id: "job-abca" }],
  };
  const cancelled = { job_id: taken.job_id, state: "cancelled", tokens: 0 };
  const routes = {
    ...{ "GET /v1/jobs": ofFleet, [asksForJobs]: ofFleet },
    [`DELETE /v1/jobs/${taken.job_id}?client=ann`]: cancelled,
  };
  expect((await ask(["jobs"], routes)).out).toMatch(/^job-2ff7 +ann /m);
  expect((await ask(["jobs", "--ended"], routes)).out).toMatch(/ job-abca +ann /);
  for (const id of ["job-2ff7", taken.job_id])
    expect((await ask(["cancel", id], routes)).out).toContain(`Job ${taken.job_id} is cancelled`);
});

it("jobs names the MCP tool that a job calls, or asks consent for", async () => {
  const call = { server: "files", tool: "read_file", call_id: "c1", state: "running" } as const;
  const calling = { ...job, client: "ann", state: "calling", position: 0, running_ms: 2_000, step: 1 } as const;
  const { out } = await ask(["jobs"], {
    "GET /v1/jobs": {
      ...list,
      jobs: [
        { ...calling, job_id: "j1", call },
        { ...calling, job_id: "j2", call: { ...call, tool: "write_file", state: "waits_for_consent" } },
        { ...calling, job_id: "j3" },
      ],
    } satisfies JobList,
  });
  expect(out).toMatch(/^j1 +ann +bee +calling files\/read_file +12 +1 s$/m);
  expect(out).toMatch(/^j2 +ann +bee +asking for consent to files\/write_file +12 +1 s$/m);
  expect(out).toMatch(/^j3 +ann +bee +calling a tool +12 +1 s$/m);
});

const ended: EndedJob = {
  ...{ job_id: "j0", client: "ann", kind: "generate", model: "bee", state: "finished", reason: "stop" },
  ...{ ended_at: "2026-01-01T10:00:00Z", prompt_tokens: 900, cached_tokens: 0, tokens: 12 },
  ...{ waiting_ms: 4_000, reading_ms: 2_000, writing_ms: 1_000 },
};
const endedJobs = { "GET /v1/jobs?ended=true": { ...list, ended: [ended] } };

it("jobs --ended lists ended jobs with where their time went", async () => {
  const { out } = await ask(["jobs", "--ended"], endedJobs);
  expect(out).toMatch(/^ENDED [+-]\d\d:\d\d +JOB +CLIENT +MODEL +REASON +WAITED +READ +WROTE +PROMPT +TOKENS$/m);
  expect(out).toMatch(/^2026-01-01 \d\d:\d\d:00(?: [+-][\d:]+)? +j0 +ann +bee +finished +4 s +2 s +1 s +900 +12$/m);
  expect(out).not.toContain("j1");
});

it("jobs --ended shows a row's zone when it is not the zone of now", async () => {
  const { TZ } = process.env;
  process.env["TZ"] = "Europe/Berlin";
  const summer = { ...ended, job_id: "j9", ended_at: "2025-07-01T10:00:00Z" };
  const { out } = await ask(["jobs", "--ended"], { "GET /v1/jobs?ended=true": { ...list, ended: [ended, summer] } });
  if (TZ === undefined) delete process.env["TZ"];
  else process.env["TZ"] = TZ;
  expect(out).toMatch(/^2026-01-01 11:00:00 \+01:00 +j0|^2025-07-01 12:00:00 \+02:00 +j9/m);
  expect(out.match(/:00 \+0\d:00/g)).toHaveLength(1);
});

it("fits a terminal: ids are short but differ, and columns with one value are left out of a table that is too wide", async () => {
  const ids = ["job-2ff71d39-1eb2-44d1", "job-abca621a-a3df-4926", "import-2026-01-a-long", "import-2026-02-a-long"];
  const show = async (argv: readonly string[], routes: Readonly<Record<string, unknown>>): Promise<string> => {
    await using server = await startFakeWorker({ routes });
    return (await runCommand([...argv, "--url", server.url], { isTerminal: true })).out;
  };
  const showJobs = async (models: readonly string[]): Promise<string> => {
    const shown = ids.map((job_id, i) => ({ ...list.jobs[1], job_id, position: 0, model: models[i] ?? models[0] }));
    return await show(["jobs"], { "GET /v1/jobs": { jobs: shown, total: 4, of: "all" } });
  };
  const one = await showJobs(["bee"]);
  expect(one).toMatch(/^JOB +CLIENT +MODEL +STATE +TOKENS +WAITED$/m);
  expect(one).toMatch(/^job-2ff71d39… +bob +bee +waiting +0 +3 s$/m);
  expect(one).toMatch(/^import-2026-02… /m);
  const twice = ["0123456789abcdef0123456789abcdef.11111111", "0123456789abcdef0123456789abcdef.22222222"];
  ids.splice(0, 2, ...twice);
  expect(await showJobs(["bee"])).toMatch(/^01234567…\.22222222 +bob /m);
  const long = "b".repeat(70);
  expect(await showJobs([long])).toMatch(/^JOB +CLIENT +STATE/m);
  expect(await showJobs([long, "other"])).toMatch(/^JOB +MODEL +STATE/m);
  const longEnded = {
    ...ended,
    ended_at: today,
    job_id: ids[0],
    client: "local",
    model: "waggle-fake",
    reason: "disconnect",
  };
  const table = await show(["jobs", "--ended"], { "GET /v1/jobs?ended=true": { ...list, ended: [longEnded] } });
  expect(Math.max(...table.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(80);
});

describe("cancel", () => {
  type Of = readonly [id: string, client?: string];
  const listOf = (running: readonly Of[], over: readonly Of[] = [], total = running.length): object => ({
    ...{ total, of: "all", jobs: running.map(([job_id, client = "bob"]) => ({ ...list.jobs[1], job_id, client })) },
    ended: over.map(([job_id, client = "bob"]) => ({ ...ended, job_id, client })),
  });
  const cancel = async (argv: readonly string[], ...lists: Parameters<typeof listOf>) => {
    const ids = [...lists[0], ...(lists[1] ?? [])];
    const deletes = ids.map(([id, client = "bob"]) => [
      `DELETE /v1/jobs/${id}?client=${client}`,
      { job_id: id, state: "cancelled", tokens: 0 },
    ]);
    const routes = { [asksForJobs]: listOf(...lists), ...(Object.fromEntries(deletes) as Record<string, unknown>) };
    const { asked, ...result } = await ask(["cancel", ...argv], routes);
    return { ...result, deleted: asked.filter((request) => request.startsWith("DELETE")) };
  };

  it("takes a shortened id, if only one job has it", async () => {
    const done = await cancel(["job-2ff71d39…"], [["job-2ff71d39-1"], ["job-abca"]]);
    expect(done.out).toBe("Job job-2ff71d39-1 is cancelled, after 0 tokens.\n");
  });

  it.each<[word: string, code: number, sentence: string, running: readonly Of[], over?: readonly Of[], total?: number]>(
    [
      ["01…9.2", 64, "Several job ids begin with 01…9.2: 0129.2, 0139.2.", [["0129.2"], ["0129.1"], ["0139.2"]]],
      ["job-…", 64, "Several job ids begin with job-…: job-2, job-3.", [["job-2"], ["job-3"]]],
      ["job-…", 64, "Several job ids begin with job-…: job-3, job-2.", [["job-3"]], [["job-2"]]],
      ["job-…", 64, "Not all jobs are listed, so write the whole id", [["job-2"]], [], 9],
      ["bee-…", 1, "No job id begins with bee-…", [["job-2"]]],
      ["job-1", 1, "", [["job-10"]]],
      ["…", 1, "", [["job-10"]]],
      ["j2", 64, "Several clients have a job j2: ann, bob. Choose one with --client <name>.", [["j2", "ann"], ["j2"]]],
    ],
  )("%s cancels no job if it may be another one", async (word, code, sentence, ...lists) => {
    const { deleted, ...result } = await cancel([word], ...lists);
    expect(result).toMatchObject({ code, err: expect.stringContaining(sentence) as string });
    expect(deleted.filter((request) => request.includes("?client="))).toEqual([]);
  });

  it("of a job that has just ended does not cancel one with a longer id", async () => {
    const { deleted } = await cancel(["job-1"], [["job-10"]], [["job-1"]]);
    expect(deleted).toEqual(["DELETE /v1/jobs/job-1?client=bob"]);
  });

  it("takes the job of the named client", async () => {
    const { deleted } = await cancel(["j2", "--client", "bob"], [["j2", "ann"], ["j2"]]);
    expect(deleted).toEqual(["DELETE /v1/jobs/j2?client=bob"]);
  });
});

it("a hive's worker that refuses the token is named", async () => {
  const refusal = {
    "GET /v1/jobs": new WaggleError("unauthenticated", "Cannot authenticate: the API token is wrong."),
  };
  await using worker = await startFakeWorker({ routes: refusal });
  const { code, err } = await ask(["jobs"], hiveOf(worker.url));
  expect(err).toContain("w1 refuses: Cannot authenticate: the API token is wrong. The token in WAGGLE_API_TOKEN goes");
  expect(code).toBe(1);
});

it("cancel names the client of the job", async () => {
  const path = "DELETE /v1/jobs/j2?client=bob";
  const answer = { job_id: "j2", state: "cancelled", tokens: 0 };
  const { out, asked } = await ask(["cancel", "j2"], { [asksForJobs]: list, [path]: answer });
  expect(asked).toContain(path);
  expect(out).toBe("Job j2 is cancelled, after 0 tokens.\n");
});

it("usage shows each client with what is left of its quota", async () => {
  const report: UsageReport = {
    since: "2026-01-01T00:00:00Z",
    clients: [
      {
        client: "ann",
        admin: false,
        requests: { accepted: 5, refused: 1 },
        jobs: { finished: 3, failed: 1, cancelled: 0 },
        running: 1,
        prompt_tokens: 40,
        cached_tokens: 0,
        completion_tokens: 60,
        models: {},
        quota: { running_jobs: { limit: 4, left: 3 } },
      },
    ],
  };
  const { out } = await ask(["usage"], { "GET /v1/usage": report });
  expect(out).toMatch(/^ann +1 +3 +1 +1 +40 +60 +3\/4 jobs$/m);
});

it("logs prints the lines from the given level on", async () => {
  const line: LogLine = { seq: 0, time: "2026-01-01T00:00:00Z", level: "info", message: "low", fields: {} };
  const lines = [line, { ...line, seq: 1, level: "warn", message: "high", fields: { port: 1 } }];
  // The server filters before it counts.
  const { out } = await ask(["logs", "--level", "warn"], {
    "GET /v1/logs?lines=20&level=warn": { lines: lines.slice(1) },
  });
  expect(out).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:00\.000 [+-]\d\d:\d\d WARN {2}high port=1\n$/);
  const json = await ask(["logs", "--json", "--lines", "2"], { "GET /v1/logs?lines=2": { lines } });
  expect(
    json.out
      .trimEnd()
      .split("\n")
      .map((text) => JSON.parse(text) as unknown),
  ).toEqual(lines);
});

it("asks for a part of the past in UTC, and lists the jobs that ended in it", async () => {
  const words = ["--since", "2026-01-01T10:00Z", "--until", "2026-01-01 10:15Z", "--client", "alice", "--job", "j…"];
  const query = `job=j%E2%80%A6&client=alice&since=2026-01-01T10%3A00%3A00.000Z&until=2026-01-01T10%3A15%3A00.000Z`;
  const { err } = await ask(["logs", ...words], { [`GET /v1/logs?lines=5000&${query}`]: { lines: [] } });
  expect(err).toContain("No such lines.");
  const { out } = await ask(["jobs", ...words], { [`GET /v1/jobs?ended=true&${query}`]: { ...list, ended: [ended] } });
  expect(out).toContain("j0");
});

it("reads the history on disk when no worker runs at the usual address", async () => {
  const stateFolder = mkdtempSync(join(tmpdir(), "waggle-past-"));
  mkdirSync(join(stateFolder, "history"));
  const row = (kind: string, value: object): string =>
    `${JSON.stringify({ kind, at: Date.parse(today), row: value })}\n`;
  const write = (name: string, text: string): void => writeFileSync(join(stateFolder, "history", name), text);
  write("1~worker-a~.jsonl", row("log", { seq: 1, level: "warn", time: today, msg: "engine_died" }));
  write("1~worker-a~ann.jsonl", row("job", ended));
  const config = { stateFolder, url: "http://127.0.0.1:9", urlGiven: false };
  const logs = await runCommand(["logs", "--since", "1h"], { config });
  expect(logs).toMatchObject({ code: 0, out: expect.stringContaining("WARN  engine_died") as string });
  expect(logs.err).toContain(`No worker answers at http://127.0.0.1:9. This is the history in ${stateFolder}`);
  expect((await runCommand(["jobs", "--client", "ann"], { config })).out).toMatch(/ j0 +ann /);
  for (const needsWorker of [["jobs"], ["logs", "--follow", "--client", "ann"]])
    expect((await runCommand(needsWorker, { config })).code, needsWorker.join(" ")).toBe(69);
});

it.each([
  [["logs", "--level", "loud"], "Unknown level"],
  [["logs", "--since", "yesterday"], "write a time such as 10:00"],
  [["logs", "--follow", "--until", "1h"], "new lines have no end"],
  [["jobs", "--since", "1h", "--until", "2h"], "must be later than --since"],
  [["logs", "--lines", "0"], "must be an integer from 1 to 5000"],
])("%j is refused", async (argv, message) => {
  expect(await ask(argv, {})).toMatchObject({ code: 64, err: expect.stringContaining(message) as string });
});

/** The routes of a hive with a worker that answers, one that does not, and one that is gone. */
function hiveOf(url: string) {
  const known = {
    state: "ready",
    slots: { total: 1, busy: 0 },
    queue: { depth: 0, capacity: 1 },
    model: "bee",
    version: "1",
  };
  const at = "2026-01-01T00:00:00.000Z";
  const times = { interval_ms: 1_000, registered_at: at, last_seen_at: at, heartbeats: 1 };
  const workers = [
    { ...known, ...times, worker_id: "w1", url, liveness: "alive" },
    { ...known, ...times, worker_id: "w2", url: "http://127.0.0.1:9", liveness: "stale" },
    { ...known, ...times, worker_id: "w3", url, liveness: "gone" },
  ];
  return { ...hive, "GET /v1/workers": { workers } };
}

const line: LogLine = { seq: 0, time: "2026-01-01T00:00:00Z", level: "info", message: "low", fields: {} };

it.each([
  [["jobs"], /^WORKER +JOB .*\nw1 +j1 +ann/m],
  [["usage"], /^w1: since 2026/m],
  [["logs"], /INFO {2}w1 low$/m],
  [["ps"], /^w1 +bee +ready [^]*^w1: 1\.1 GB of 8\.6 GB is reserved/m],
  [["cancel", "j2"], /^Job j2 is cancelled/m],
  [["jobs", "--ended"], /^w1 +2026-01-01 \d\d:\d\d:00(?: [+-][\d:]+)? +j0 +ann +bee +finished +4 s/m],
])("%j at a hive asks each worker, and says which one does not answer", async (argv, shown) => {
  await using worker = await startFakeWorker({
    routes: {
      ...jobs,
      ...endedJobs,
      "GET /v1/usage": { since: "2026-01-01T00:00:00Z", clients: [] },
      "GET /v1/logs?lines=20": { lines: [line] },
      "DELETE /v1/jobs/j2?client=bob": { job_id: "j2", state: "cancelled", tokens: 0 },
    },
  });
  const { code, out, err } = await ask(argv, hiveOf(worker.url));
  expect(out).toMatch(shown);
  expect(err).toMatch(/^w2 does not answer: .*\.$/m);
  expect(code).toBe(0);
});

it("ps at a hive shows the failed models of all workers first, and what to do before the memory", async () => {
  const hornet = modelStatus("hornet", { state: "failed", reason: "The engine died." });
  await using first = await startFakeWorker();
  await using second = await startFakeWorker({ models: [modelStatus("wasp"), hornet] });
  const fleet = hiveOf(first.url);
  Object.assign(fleet["GET /v1/workers"].workers[1] ?? {}, { url: second.url });
  const { out } = await ask(["ps"], fleet);
  const begins = Array.from(out.matchAll(/^(?:w\d +\w+|w\d: \S+|Repair)/gm), ([begin]) => begin.replaceAll(/ +/g, " "));
  expect(begins).toEqual(["w2 hornet", "w1 bee", "w2 wasp", "w2: hornet:", "w2: Repair", "w1: 1.1", "w2: 1.1"]);
});

it("the JSON of a hive's jobs has a list for each worker", async () => {
  await using worker = await startFakeWorker({ routes: jobs });
  const { out } = await ask(["jobs", "--json"], hiveOf(worker.url));
  expect(JSON.parse(out)).toEqual({ workers: [{ worker_id: "w1", ...list }] });
});

it("a hive without workers is an error", async () => {
  expect(await ask(["jobs"], hive)).toMatchObject({
    code: 69,
    err: expect.stringContaining("has no worker") as string,
  });
});

it("drain asks a worker itself, or the worker's hive", async () => {
  const worker = await ask(["drain"], { "POST /v1/drain": { ready: false, state: "draining" } });
  expect(worker.asked).toContain("POST /v1/drain");
  expect(worker.out).toMatch(/ drains: it finishes its running jobs and exits\.$/m);
  expect(await ask(["drain", "other"], {})).toMatchObject({
    code: 64,
    err: expect.stringContaining("is not other") as string,
  });
  expect((await ask(["drain", "w"], hive)).asked).toContain("POST /v1/workers/w/drain");
  const conflict = new WaggleError("conflict", "Cannot drain worker: it takes no commands from this hive.");
  const refusals = Object.fromEntries(["w1", "w2", "w3"].map((id) => [`POST /v1/workers/${id}/drain`, conflict]));
  await using direct = await startFakeWorker({ routes: { "POST /v1/drain": { ready: false, state: "draining" } } });
  const routes = { ...hiveOf(direct.url), ...refusals };
  expect((await ask(["drain", "w1"], routes)).out).toMatch(/^w1 drains/);
  expect(direct.asked).toEqual([["POST", "/v1/drain", undefined]]);
  expect((await ask(["drain", "w2"], routes)).err).toContain("w2 does not answer: ");
  expect((await ask(["drain", "w3"], routes)).err).toContain("takes no commands from this hive");
  expect(await ask(["drain"], hive)).toMatchObject({
    code: 64,
    err: expect.stringContaining("name the worker") as string,
  });
});

it.each([
  [["logs"], ["w1 s1", "w2 s2", "w1 s3", "w2 s4", "w1 s5"]],
  [
    ["logs", "-f"],
    ["w1 s1", "w2 s2", "w1 s3", "w2 s4", "w1 s5"],
  ],
  [
    ["logs", "--lines", "3"],
    ["w1 s3", "w2 s4", "w1 s5"],
  ],
])("%j at a hive shows the lines of all workers by their time", async (argv, shown) => {
  const at = (second: number): LogLine => ({ ...line, time: `2026-01-01T00:00:0${second}Z`, message: `s${second}` });
  const serving = (...seconds: number[]) => ({
    "GET /v1/logs?lines=20": { lines: seconds.map(at) },
    "GET /v1/logs?lines=3": { lines: seconds.map(at) },
    "GET /v1/logs?lines=5000&after=0": new WaggleError("forbidden", "Enough"),
  });
  await using one = await startFakeWorker({ routes: serving(1, 3, 5) });
  await using two = await startFakeWorker({ routes: serving(2, 4) });
  const [first, second] = hiveOf(one.url)["GET /v1/workers"].workers;
  const { out } = await ask(argv, { ...hive, "GET /v1/workers": { workers: [first, { ...second, url: two.url }] } });
  expect(out.match(/w\d s\d/g)).toEqual(shown);
});

it("logs -f asks only for new lines when the first answer has none", async () => {
  const routes = {
    "GET /v1/logs?lines=5000&client=ann": { lines: [] },
    "GET /v1/logs?lines=5000&client=ann&after=0": new WaggleError("forbidden", "Enough"),
  };
  expect((await ask(["logs", "-f", "--client", "ann"], routes)).err).toContain("Enough");
});

it("logs -f prints what a restarted server wrote, and says that it waits", async () => {
  const before = { ...line, seq: 7, message: "before" };
  const answers = [new WaggleError("unavailable", "The worker is away"), { lines: [{ ...line, message: "after" }] }];
  await using server = await startFakeWorker({
    routes: {
      "GET /v1/logs?lines=20": { lines: [before] },
      "GET /v1/logs?lines=5000&after=7": () => answers.shift(),
      "GET /v1/logs?lines=5000&after=0": new WaggleError("forbidden", "Enough"),
    },
  });
  const { out, err } = await runCommand(["logs", "-f", "--url", server.url]);
  expect(out).toMatch(/before\n.*after\n/);
  expect(err).toContain("The worker is away. Waiting for it; Ctrl-C ends.\n");
});
