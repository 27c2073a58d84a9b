// Tests what a worker keeps of its past on disk: a restart loses nothing, clients see only what is theirs, and no text of a request is kept.
import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EndedJob, LogLine } from "@waggle/protocol";
import { createDayLog, type DayLog } from "@waggle/telemetry";
import { createFakeClock } from "@waggle/testing";
import { beforeEach, expect, it } from "vitest";
import { alice, bob, forTwoClients, root } from "../../testing/two-clients.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";

let folder: string;
let day: DayLog;
const { worker, start: startWorker, call } = useInlineWorker();
const clock = createFakeClock();

beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "waggle-history-"))));

function start(): void {
  day = createDayLog({ folder: join(folder, "h"), place: "w", maxBytes: 6_400_000, clock, onBroken: () => {} });
  startWorker({ clock, day, slots: 4, access: forTwoClients });
}

async function post(path: string, body: object, headers: Record<string, string> = alice): Promise<number> {
  const response = await call("POST", path, body, headers);
  await response.text().catch(() => {});
  await Promise.all(worker.registry.liveJobs().map(({ ended }) => ended.promise));
  return response.status;
}

async function get<T>(path: string, headers: Record<string, string> = root): Promise<T> {
  const response = await call("GET", path, undefined, headers);
  return (response.ok ? await response.json() : response.status) as T;
}

it("tells after a restart which client's job ended when and why, and only an admin or the client itself", async () => {
  start();
  await post("/v1/inference", { job_id: "slow", prompt: "x [eog:3]" });
  await post("/v1/inference", { job_id: "failing", prompt: "x [throw]", deadline_ms: 60_000 }, bob);
  clock.advance(10_000);
  await day.flush();
  start();
  const { lines } = await get<{ lines: LogLine[] }>("/v1/logs?client=alice&since=2026-01-01T00:00:00Z");
  expect(lines.map(({ message, fields }) => [message, fields["client"], fields["job"]])).toContainEqual([
    "stream_end",
    "alice",
    "slow",
  ]);
  const endedOf = async (query: string, headers = root): Promise<string[]> =>
    (await get<{ ended: EndedJob[] }>(`/v1/jobs?ended${query}`, headers)).ended.map(({ job_id }) => job_id);
  expect(await endedOf("")).toEqual(["failing", "slow"]);
  expect(await endedOf("&client=bob")).toEqual(["failing"]);
  expect(await endedOf("&job=sl…&since=2026-01-01")).toEqual(["slow"]);
  expect(await endedOf("&until=2026-01-01")).toEqual([]);
  expect(await endedOf("&since=2026-01-01", alice)).toEqual(["slow"]);
  expect(await endedOf("&client=bob", alice)).toEqual([]);
  expect(await get("/v1/logs?since=2026-01-01", alice)).toBe(403);
  for (const query of ["since=noon", "level=loud", "since=2026-01-02&until=2026-01-01"])
    expect(await get(`/v1/logs?${query}`), query).toBe(400);
  const points = (query: string) => get<{ points: object[] }>(`/v1/history${query}`).then((answer) => answer.points);
  expect(await points("")).toHaveLength(1);
  expect(await points("?until=2100-01-01")).toHaveLength(1);
  expect(await points("?until=2026-01-01")).toHaveLength(0);
  expect(await points("?until=2100-01-01&step=240")).toHaveLength(1);
  expect(await get("/v1/history?until=2100-01-01&step=day")).toBe(400);
  // Of the server, without those of clients.
  const own = await get<{ lines: LogLine[] }>("/v1/logs?client=");
  expect(own.lines.map(({ message }) => message)).not.toContain("stream_end");
  expect(own.lines.map(({ message }) => message)).toContain("model_ready");
});

it("serves requests without the history when the disk fails", async () => {
  writeFileSync(join(folder, "h"), "a file in place of the folder");
  start();
  expect(await post("/v1/inference", { prompt: "x [eog:3]" })).toBe(200);
  await day.flush();
  const { lines } = await get<{ lines: LogLine[] }>("/v1/logs?client=alice");
  expect(lines.map(({ message }) => message)).toContain("stream_end");
});

const m = "MARKER-5f2c";
const schema = { type: "object", properties: { [m]: { type: "string", description: m } } };
const tool = { type: "function", function: { name: m, description: m, parameters: schema } };
const messages = [{ role: "user", content: `${m} [eog:3]` }];
const chat = { model: "waggle-fake", messages, max_tokens: 5 };

it.each<[path: string, body: object]>([
  ["/v1/inference", { prompt: `${m} [eog:3]`, stop: [m], json_schema: schema, grammar: m }],
  ["/v1/inference", { messages, tools: [tool], tool_choice: { type: "function", function: { name: m } } }],
  ["/v1/inference", { prompt: "x [throw]", stop: [m] }],
  ["/v1/inference", { prompt: m, grammar: `root ::= ${m}` }],
  ["/v1/inference", { prompt: m, [m]: m }],
  ["/v1/chat/completions", { ...chat, user: m, metadata: { a: m }, stop: [m], tools: [tool] }],
  [
    "/v1/chat/completions",
    { ...chat, user: m, response_format: { type: "json_schema", json_schema: { name: m, schema } } },
  ],
  ["/v1/chat/completions", { ...chat, stream: true, safety_identifier: m, prompt_cache_key: m }],
  ["/v1/chat/completions", { ...chat, model: m }],
  ["/v1/completions", { prompt: m, suffix: m, max_tokens: 3 }],
  ["/v1/responses", { input: m, instructions: m, metadata: { a: m }, max_output_tokens: 16 }],
  ["/v1/messages", { ...chat, system: m, stop_sequences: [m], metadata: { user_id: m } }],
  ["/api/chat", { ...chat, format: schema, options: { stop: [m], num_predict: 3 } }],
  ["/v1/embeddings", { input: m }],
  ["/completion", { prompt: m, n_predict: 3, stop: [m] }],
  [`/v1/${m}`, { a: m }],
])("keeps no text of a request to %s: %j", async (path, body) => {
  start();
  await post(path, body);
  await day.flush();
  const texts = readdirSync(join(folder, "h")).map((name) => name + readFileSync(join(folder, "h", name), "utf8"));
  expect(texts.join("").length).toBeGreaterThan(0);
  expect(texts.join("")).not.toContain(m);
});
