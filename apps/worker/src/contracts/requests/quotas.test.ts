// Shows that a client's quota applies in every dialect before the queue, and which clients can see usage.
import { createStepGate } from "@waggle/engine/testing";
import { createTokenTable, noQuota } from "@waggle/daemon/tokens";
import type { Quota } from "@waggle/daemon/tokens";
import { UsageReportSchema, allWorkerRoutes } from "@waggle/protocol";
import type { ClientUsage } from "@waggle/protocol";
import { createFakeClock } from "@waggle/testing";
import { expect, test } from "vitest";
import { readEvents } from "../../testing/events.ts";
import { alice, bob, root } from "../../testing/two-clients.ts";
import type { InlineWorkerOptions } from "../../testing/inline-worker.ts";
import { jobBody, kindFor } from "../../testing/job-bodies.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";

const clock = createFakeClock();
const { worker, start: startWorker, call, post, get } = useInlineWorker({ clock });
let table: ReturnType<typeof createTokenTable>;

function tokensWith(quota: Partial<Quota>): ReturnType<typeof createTokenTable> {
  return createTokenTable([
    { name: "alice", token: "alice-token-1", quota: { ...noQuota, ...quota } },
    { name: "bob", token: "bob-token-22" },
    { name: "root", token: "root-token-3", monitor: true },
  ]);
}

/** @param quota of the client alice */
function start(quota: Partial<Quota>, options: InlineWorkerOptions = {}): void {
  table = tokensWith(quota);
  startWorker({ ...options, access: { ...options.access, localMode: false, tokens: () => table } });
}

async function usage(headers: Record<string, string>): Promise<readonly ClientUsage[]> {
  return UsageReportSchema.parse(await (await get("/v1/usage", headers)).json()).clients;
}

async function usageOfAlice(): Promise<ClientUsage> {
  const [own] = await usage(alice);
  if (own === undefined) throw new Error("The report lacks the client itself");
  return own;
}

const chat = (text: string) => ({ messages: [{ role: "user", content: text }] });
const chatPath = "/v1/chat/completions";

/** A request that creates a batch begins no job. */
const jobRoutes = Object.values(allWorkerRoutes).filter(
  ({ path, headers = {} }) => "idempotency-key" in headers && !path.endsWith("/batches"),
);

test("every route that begins a job limits requests per minute, and reports when it accepts the next request", async () => {
  for (const kind of ["generate", "rerank"] as const) {
    start({ requestsPerMinute: 1 }, { fake: { kind }, contextSize: 256 });
    for (const route of jobRoutes.filter((each) => kindFor(each) === kind)) {
      const { path } = route;
      const body = jobBody(route);
      const first = await post(path, body, alice);
      await first.text();
      expect([path, first.status < 300, first.headers.get("x-ratelimit-remaining-requests")]).toEqual([
        path,
        true,
        "0",
      ]);
      const asked = worker.commands.length;

      const second = await post(path, body, alice);
      expect([path, second.status]).toEqual([path, 429]);
      const wait = Number(second.headers.get("retry-after"));
      const when = wait === 60 ? "1 min" : `${wait} s`;
      const why = `this client's quota of requests per minute (1) is used up. Retry in ${when}.`;
      expect(await second.text()).toContain(why);
      expect(worker.commands).toHaveLength(asked);
      const others = await post(path, body, bob);
      await others.text();
      expect(others.status).toBeLessThan(300);

      clock.advance((wait - 2) * 1_000);
      expect((await post(path, body, alice)).status).toBe(429);
      clock.advance(2_000);
    }
  }
});

test("used tokens count towards the limit per minute, then per day", async () => {
  start({ tokensPerMinute: 20, tokensPerDay: 50 });
  let told = 0;
  let taken = 0;
  while (told < 50) {
    const answer = await post(chatPath, chat("a tale [eog:18]"), alice);
    expect([answer.status, answer.headers.get("x-ratelimit-limit-tokens")]).toEqual([200, told > 30 ? "50" : "20"]);
    taken += 1;
    told += ((await answer.json()) as { usage: { total_tokens: number } }).usage.total_tokens;
    const refused = await post(chatPath, chat("more"), alice);
    expect(await refused.text()).toContain("quota of tokens per minute (20) is used up");
    expect(Number(refused.headers.get("retry-after"))).toBeLessThanOrEqual(61);
    clock.advance(61_000);
  }
  const { quota, ...alices } = await usageOfAlice();
  expect(alices).toMatchObject({ requests: { accepted: taken, refused: taken }, jobs: { finished: taken } });
  const series = await (await get("/metrics", root)).text();
  expect(series).toContain(`waggle_client_requests_total{client="alice",outcome="over_quota"} ${taken}\n`);
  const { prompt_tokens, cached_tokens, completion_tokens } = alices;
  expect(prompt_tokens + completion_tokens).toBe(told);
  expect(alices.models).toEqual({ "waggle-fake": { prompt_tokens, cached_tokens, completion_tokens } });
  expect(quota).toMatchObject({ tokens_per_minute: { left: 20 }, tokens_per_day: { limit: 50, left: 0 } });
  const late = await post(chatPath, chat("more"), alice);
  expect(await late.text()).toMatch(/quota of tokens per day \(50\) is used up\. Retry in 23 h \d\d min\./);
  expect(Number(late.headers.get("retry-after"))).toBeGreaterThan(80_000);
});

test("a cancelled answer's tokens count", async () => {
  const gate = createStepGate();
  start({ tokensPerMinute: 5 }, { gate });
  const stream = readEvents(await post("/v1/inference", { prompt: "a b c d e f", job_id: "j" }, alice));
  gate.step(4);
  await stream.until((event) => event.type === "token" && event.index === 2);
  await call("DELETE", "/v1/jobs/j", undefined, alice);
  gate.open();
  const { events } = await stream.rest();
  const end = events.at(-1);
  if (end?.type !== "end") throw new Error("It did not end");
  const alices = await usageOfAlice();
  expect(alices).toMatchObject({
    jobs: { cancelled: 1 },
    prompt_tokens: end.usage.prompt_tokens,
    completion_tokens: end.usage.completion_tokens,
    running: 0,
  });
  expect(alices.completion_tokens).toBeGreaterThan(2);
  expect((await post("/v1/inference", { prompt: "a" }, alice)).status).toBe(429);
});

test("the number of waiting and running jobs is limited; a superseding job replaces its session's last job", async () => {
  const gate = createStepGate();
  start({ runningJobs: 2 }, { gate, slots: 1 });
  const first = readEvents(await post("/v1/inference", { prompt: "a [eog:2]", session_id: "s" }, alice));
  expect((await post("/v1/jobs", { prompt: "b [eog:2]", job_id: "b" }, alice)).status).toBe(202);
  const refused = await post("/v1/jobs", { prompt: "c [eog:2]" }, alice);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "1"]);
  expect(await refused.text()).toContain('"quota":"running_jobs"');
  expect((await post("/v1/jobs", { prompt: "c [eog:2]" }, bob)).status).toBe(202);
  expect((await post("/v1/jobs", { prompt: "d [eog:2]", session_id: "s", job_id: "d" }, alice)).status).toBe(202);
  gate.open();
  await first.rest();
  expect(await usageOfAlice()).toMatchObject({ quota: { running_jobs: { limit: 2, left: 0 } } });
  for (const id of ["b", "d"]) await (await get(`/v1/jobs/${id}/stream`, alice)).text();
  expect(await usageOfAlice()).toMatchObject({ running: 0, quota: { running_jobs: { left: 2 } } });
  expect((await post("/v1/jobs", { prompt: "c [eog:2]" }, alice)).status).toBe(202);
});

test.each([false, true])(
  "a request of several prompts counts as one request, and never runs more jobs than the limit; streamed: %s",
  async (stream) => {
    const gate = createStepGate();
    start({ runningJobs: 1, requestsPerMinute: 1 }, { slots: 4, gate });
    const prompt = ["a [eog:2]", "b [eog:2]", "c [eog:2]"];
    const answering = post("/v1/completions", { prompt, stream }, alice);
    await gate.held();
    expect((await usageOfAlice()).running).toBe(1);
    gate.open();
    const answer = await answering;
    const text = await answer.text();
    expect([answer.status, text.includes("error")]).toEqual([200, false]);
    const alices = await usageOfAlice();
    expect(alices).toMatchObject({ requests: { accepted: 1, refused: 0 }, jobs: { finished: 3 } });
    expect(alices.quota?.requests_per_minute?.left).toBe(0);
  },
);

test("a request that the full queue refuses does not count towards the limit per minute", async () => {
  start({ requestsPerMinute: 1 }, { slots: 1, queueCapacity: 1, gate: createStepGate() });
  for (const job_id of ["x", "y"]) await post("/v1/jobs", { prompt: "b", job_id }, bob);
  expect((await post("/v1/jobs", { prompt: "a" }, alice)).status).toBe(429);
  expect(await usageOfAlice()).toMatchObject({
    requests: { accepted: 0, refused: 1 },
    running: 0,
    quota: { requests_per_minute: { limit: 1, left: 1, full_in_ms: 0 } },
  });
});

test("usage is kept when API tokens are reloaded", async () => {
  start({ requestsPerMinute: 2 });
  await (await post(chatPath, chat("a [eog:1]"), alice)).text();
  table = tokensWith({ requestsPerMinute: 1 });
  expect((await post(chatPath, chat("a [eog:1]"), alice)).status).toBe(429);
  table = tokensWith({});
  const free = await post(chatPath, chat("a [eog:1]"), alice);
  expect([free.status, free.headers.get("x-ratelimit-limit-requests")]).toEqual([200, null]);
  expect(await usageOfAlice()).toMatchObject({ requests: { accepted: 2, refused: 1 } });
});

test("a client sees its own usage; a client with the monitor right sees the usage of all, also in the metrics", async () => {
  start({});
  await (await post(chatPath, chat("a [eog:1]"), alice)).text();
  await (await post(chatPath, chat("a [eog:4]"), bob)).text();
  expect((await usage(alice)).map(({ client }) => client)).toEqual(["alice"]);
  expect((await usage(bob)).map(({ client }) => client)).toEqual(["bob"]);
  const all = await usage(root);
  expect(all.map(({ client, admin }) => [client, admin])).toEqual([
    ["alice", false],
    ["bob", false],
    ["root", false],
  ]);
  const bobs = all.find(({ client }) => client === "bob");
  const series = await (await get("/metrics", root)).text();
  expect(series).toContain(
    `waggle_client_tokens_total{client="bob",model="waggle-fake",kind="completion"} ${bobs?.completion_tokens}\n`,
  );
  expect(series).toContain('waggle_client_requests_total{client="alice",outcome="accepted"} 1\n');
  expect(series).toContain('waggle_client_jobs_ended_total{client="alice",outcome="finished"} 1\n');
  const own = await (await get("/metrics", alice)).text();
  expect(own).toContain('waggle_jobs_accepted_total{model="waggle-fake"} 2\n');
  expect(own).not.toContain("waggle_client_");
});

test("open metrics need no token and then show no clients; a token is still checked", async () => {
  start({}, { access: { openMetrics: true } });
  await (await post(chatPath, chat("a [eog:1]"), alice)).text();
  const open = await get("/metrics");
  expect(open.status).toBe(200);
  const series = await open.text();
  expect(series).toContain('waggle_jobs_accepted_total{model="waggle-fake"} 1\n');
  expect(series).not.toContain("waggle_client_");
  expect(await (await get("/metrics", root)).text()).toContain("waggle_client_");
  expect((await get("/metrics", { authorization: "Bearer wrong" })).status).toBe(401);
  expect((await get("/v1/info")).status).toBe(401);
});

test("in local mode there is a single client, which sees its usage", async () => {
  startWorker();
  const stream = readEvents(await post("/v1/inference", { prompt: "a [eog:3]" }));
  await stream.rest();
  const [local, ...others] = await usage({});
  expect([local?.client, local?.admin, local?.completion_tokens, others]).toEqual(["local", true, 4, []]);
  expect(await (await get("/metrics")).text()).toContain('{client="local",model="waggle-fake",kind="completion"}');
});
