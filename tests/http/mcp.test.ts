// Tests MCP tools with real daemons and real servers: signals, a drain and a restart during a job, several conversations at the same time, and the
// official servers. The file `ledger` has a line for each run of a tool. mcp-kills kills the daemon in each phase of a job.
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { sleep } from "@waggle/async";
import type { GenerateRequestInput, StreamEvent } from "@waggle/protocol";
import { createGate, isAlive, poll } from "@waggle/testing/harness";
import { expect, test } from "vitest";
import { runDaemon, spawnFakeWorker } from "../support/daemon.ts";
import type { ListeningWorker, SpawnOptions } from "../support/daemon.ts";
import { hostileServer, useMcpFolder } from "./mcp-folder.ts";
import { asking, calling, consent, serverProgram, eventsOf, kill, results, say } from "./mcp-jobs.ts";

const { path, ledger } = useMcpFolder();

/** A worker with the fake model, and the journal of its predecessor. */
async function spawn(
  servers: object = hostile(),
  flags: readonly string[] = [],
  options: SpawnOptions = {},
): Promise<ListeningWorker> {
  writeFileSync(path("mcp.json"), JSON.stringify({ mcpServers: servers }));
  const journal = ["--mcp-journal-dir", path("journal"), "--worker-id", "mcp-test"];
  const own = ["--mcp-config", path("mcp.json"), ...journal, "--mcp-call-timeout", "30s"];
  return await spawnFakeWorker([...own, ...flags], options);
}

/** The fake model makes its call again, once it has the result: as another call, which would run. */
const oneCall = ["--mcp-steps", "1"];
const freeTools = ["echo", "hold", "die", "huge", "hostile", "fail"];

/** @param alwaysAllow tools that need no consent */
function hostile(more: Record<string, string> = {}, alwaysAllow: readonly string[] = freeTools): object {
  const env = { LEDGER: path("ledger"), HOLD: path("go"), SECRET: "s3cret-value", ...more };
  return { odd: { command: process.execPath, args: [hostileServer, "s3cret-argument"], env, alwaysAllow } };
}

const call = (name: string, text: string): string => calling(name, { text });

const answerIn = (events: readonly StreamEvent[]): unknown => {
  const end = events.at(-1);
  return end?.type === "end" ? end.message?.content : end;
};

const isRunning = (event: StreamEvent): boolean => event.type === "tool_call" && event.state === "running";

/** The events of a stream that the worker ends. @param onEvent called with all events so far */
async function endedEvents(
  { client }: ListeningWorker,
  body: GenerateRequestInput,
  onEvent: (events: readonly StreamEvent[]) => void,
): Promise<readonly StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of client.inference(body)) {
    events.push(event);
    onEvent(events);
  }
  return events;
}

test.each([
  ["a message is written", "SIGTERM", 143, say("A tale. ".repeat(150)), (events) => events.at(-1)?.type === "token"],
  ["a call runs", "SIGTERM", 143, call("odd__hold", "x"), (events) => events.some(isRunning)],
  ["a call runs", "SIGINT", 130, call("odd__hold", "x"), (events) => events.some(isRunning)],
  [
    "the message after a call is written",
    "SIGTERM",
    143,
    call("odd__echo", say("A tale. ".repeat(150))),
    (events) => events.at(-1)?.type === "token" && results(events).length === 1,
  ],
] as const satisfies readonly (readonly [
  string,
  string,
  number,
  string,
  (events: readonly StreamEvent[]) => boolean,
])[])(
  "while %s, a second %s ends the job with a retryable error, and the worker with %i",
  async (_, signal, code, text, isDue) => {
    // This process makes the steps, so that few follow what it waits for: one at a time, and no more than the beginning needs without an event.
    using gate = await createGate();
    const worker = await spawn(hostile(), gate.flags);
    let stepsAhead = 0;
    const stepping = setInterval(() => {
      gate.close();
      if (stepsAhead++ < mostStepsAhead) gate.step();
    }, 5);
    let due: Promise<void> | undefined;
    const events = await endedEvents(worker, asking(text, "cut"), (soFar) => {
      stepsAhead = 0;
      if (!isDue(soFar)) return;
      clearInterval(stepping);
      gate.close();
      due ??= interruptTwice(worker, signal);
    });
    expect(events.at(-1)).toMatchObject({ type: "error", code: "unavailable", retryable: true });
    await due;
    expect((await worker.exited).code).toBe(code);
  },
);

/** Fewer than the steps of an answer. */
const mostStepsAhead = 100;

async function interruptTwice(worker: ListeningWorker, signal: NodeJS.Signals): Promise<void> {
  worker.signal(signal);
  await worker.log.line("the drain", (line) => line["to"] === "draining");
  // The worker counts signals within 300 ms as one.
  await sleep(400);
  worker.signal(signal);
}

test("a drain ends a job that waits for consent with a retryable error, and the job continues after the restart", async () => {
  const servers = hostile({}, []);
  const first = await spawn(servers);
  const body = asking(call("odd__echo", say("Done.")), "asks");
  const events = await endedEvents(first, body, (soFar) => {
    if (soFar.at(-1)?.type === "tool_call") first.signal("SIGTERM");
  });
  expect(events.at(-1)).toMatchObject({ type: "error", code: "unavailable", retryable: true });
  expect((await first.exited).code).toBe(143);
  expect(ledger()).toBe("");

  const second = await spawn(servers);
  const again = await endedEvents(second, body, (soFar) => {
    const event = soFar.at(-1);
    if (event?.type === "tool_call" && event.state === "waits_for_consent") void consent(second, "asks", event.call_id);
  });
  expect([results(again), answerIn(again)]).toEqual([[["echo", "done"]], "Done."]);
  expect(ledger().match(/^echo /gm)).toHaveLength(1);
});

test("conversations at the same time, with failing tools and hostile text, each get their own results", async () => {
  const worker = await spawn();
  const ask = async (index: number): Promise<unknown> => {
    const tool = ["echo", "fail", "hostile", "echo"][index % 4] ?? "echo";
    const text = `${say(`Answer ${index}.`)} ${index}`;
    const both = call(`odd__${tool}`, text) + call("odd__echo", text);
    return answerIn(await eventsOf(worker, asking(both, `load-${index}`)));
  };
  const answers = await Promise.all(Array.from({ length: 12 }, (_, index) => ask(index)));
  expect(answers).toEqual(Array.from({ length: 12 }, (_, index) => `Answer ${index}.`));
  expect(ledger().match(/^echo .* 5$/gm)).toHaveLength(1);
});

test("a dying server and a result of 10 MB are results of unknown outcome, and secrets are nowhere", async () => {
  const worker = await spawn();
  const seen: StreamEvent[] = [];
  for (const tool of ["huge", "die"]) {
    for await (const event of worker.client.inference(asking(call(`odd__${tool}`, ""), `job-${tool}`))) {
      seen.push(event);
      if (event.type === "tool_result") break;
    }
    await expect
      .poll(async () =>
        (await (await fetch(`${worker.url}/v1/mcp/servers`, { method: "POST" })).text()).includes('"ready"'),
      )
      .toBe(true);
  }
  expect(results(seen)).toEqual([
    ["huge", "unknown"],
    ["die", "unknown"],
  ]);
  const logs = JSON.stringify(await worker.client.logs({ lines: 500 }));
  const info = await (await fetch(`${worker.url}/v1/mcp/servers`, { method: "POST" })).text();
  for (const text of [logs, info, JSON.stringify(seen)]) expect(text).not.toContain("s3cret");
});

test("the official servers: everything and file system", async () => {
  writeFileSync(path("note.txt"), say("I read the note."));
  const worker = await spawn({
    everything: { command: process.execPath, args: [serverProgram("server-everything")], alwaysAllow: ["echo"] },
    files: {
      command: process.execPath,
      args: [serverProgram("server-filesystem"), path(".")],
      alwaysAllow: ["read_text_file"],
    },
  });
  const [echo, read] = ["everything__echo", "files__read_text_file"];
  const echoed = await eventsOf(worker, asking(calling(echo, { message: say("Echoed.") }), "e", [echo]));
  expect([results(echoed), answerIn(echoed)]).toEqual([[["echo", "done"]], "Echoed."]);
  const seen = await eventsOf(worker, asking(calling(read, { path: path("note.txt") }), "f", [read]));
  expect([results(seen), answerIn(seen)]).toEqual([[["read_text_file", "done"]], "I read the note."]);
  for await (const event of worker.client.inference(asking(calling(read, { path: "/etc/hostname" }), "g", [read]))) {
    if (event.type !== "tool_result") continue;
    expect(event).toMatchObject({ outcome: "tool_error" });
    break;
  }
});

test.each([
  ["port", /Waggle already runs there: http:/],
  ["name", /Cannot use the journal of tool calls .*mcp-test\.jsonl: another worker uses it/],
])(
  "a worker with the %s of another one does not start, and leaves its servers and its journal alone",
  async (same, why) => {
    const first = await spawn();
    const body = asking(call("odd__hold", "once"), "turn-1");
    const lost = eventsOf(first, body).catch(() => "lost");
    writeFileSync(path("more.json"), JSON.stringify({ mcpServers: hostile({ STAYS: path("stays") }) }));
    const port = same === "port" ? new URL(first.url).port : "0";
    const flags = ["--local-mode", "--backend", "fake", "--port", port, "--mcp-config", path("more.json")];
    const { stderr } = await runDaemon("worker", [
      ...flags,
      "--mcp-journal-dir",
      path("journal"),
      "--worker-id",
      "mcp-test",
    ]);
    expect(stderr).toMatch(why);
    expect(existsSync(path("stays"))).toBe(false);
    await expect.poll(ledger).toBe("hold once\n");
    await kill(first);
    await lost;
    const next = await spawn(hostile(), oneCall);
    for await (const event of next.client.inference(body)) if (event.type === "tool_result") break;
    expect(ledger()).toBe("hold once\n");
  },
);

test("a worker starts while its predecessor, which has left its port, waits for a server that does not exit", async () => {
  const first = await spawn(hostile({ STAYS: path("stays") }));
  await fetch(`${first.url}/v1/mcp/servers`, { method: "POST" });
  first.signal("SIGTERM");
  const isOpen = async (): Promise<boolean> =>
    await fetch(first.url).then(
      () => true,
      () => false,
    );
  await expect.poll(isOpen).toBe(false);
  const second = await spawn();
  expect(answerIn(await eventsOf(second, asking("Here.", "turn")))).toBe("Here.");
  // It ends the server by force. Killed before, it would leave the server behind.
  await first.exited;
  const server = Number(readFileSync(path("stays"), "utf8"));
  await poll("the server to be gone", async () => !(await isAlive(server)));
});

test.each([
  // Port 0: no other worker gets this name.
  [true, [], []],
  [true, ["--worker-id", "one"], ["one.jsonl"]],
  [false, ["--worker-id", "one"], []],
])("a journal is kept only if it has turns and a later worker has its name: %s %j", async (asks, name, kept) => {
  writeFileSync(path("mcp.json"), JSON.stringify({ mcpServers: hostile() }));
  const flags = ["--mcp-config", path("mcp.json"), "--mcp-journal-dir", path("journal")];
  const worker = await spawnFakeWorker([...flags, ...name]);
  expect(readdirSync(path("journal"))).toContainEqual(expect.stringMatching(/\.jsonl$/));
  if (asks) await eventsOf(worker, asking(call("odd__echo", say("Done.")), "turn"));
  await worker.stop(120_000);
  expect(readdirSync(path("journal"))).toEqual(kept);
});

test("a server whose thread cannot start is not connected, work in the background fails alone, and the daemon lives", async () => {
  writeFileSync(
    path("hook.mjs"),
    `import { existsSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import threads from "node:worker_threads";
const { Worker } = threads;
threads.Worker = class extends Worker {
  constructor(file, options) {
    const isDenied = String(file).includes("server-thread") && !existsSync(${JSON.stringify(path("threads"))});
    if (isDenied) throw Object.assign(new Error("EAGAIN"), { code: "ERR_WORKER_INIT_FAILED" });
    super(file, options);
  }
};
syncBuiltinESMExports();
process.on("SIGUSR2", () => Promise.reject(Object.assign(new Error("Cannot do it"), { name: "BackgroundError" })));`,
  );
  const worker = await spawn(hostile(), [], { env: { NODE_OPTIONS: `--import ${path("hook.mjs")}` } });
  const connect = async (): Promise<unknown> =>
    await (await fetch(`${worker.url}/v1/mcp/servers`, { method: "POST" })).json();
  const problem = "its thread cannot start: EAGAIN";
  expect(await connect()).toMatchObject({ servers: [{ name: "odd", state: "failed", problem }] });
  const body = JSON.stringify(asking("x", "turn", ["odd__echo"]));
  const refused = await fetch(`${worker.url}/v1/inference`, { method: "POST", body });
  expect(refused.status).toBe(503);
  expect(await refused.json()).toMatchObject({ error: { code: "unavailable", retryable: true } });
  worker.signal("SIGUSR2");
  const line = await worker.log.line("the failure", ({ msg }) => msg === "background_work_failed");
  expect(line).toMatchObject({ err: { message: "Cannot do it" } });
  writeFileSync(path("threads"), "");
  await expect.poll(connect, { timeout: 60_000 }).toMatchObject({ servers: [{ state: "ready" }] });
  worker.signal("SIGTERM");
  expect((await worker.exited).code).toBe(0);
});

test("a file that cannot be used ends the start with its server and field, and without its values", async () => {
  writeFileSync(path("bad.json"), JSON.stringify({ mcpServers: { odd: { command: "x", env: { KEY: ["s3cret"] } } } }));
  const flags = ["--local-mode", "--backend", "fake", "--port", "0", "--mcp-config", path("bad.json")];
  const { code, stderr } = await runDaemon("worker", flags);
  expect(code).toBe(64);
  expect(stderr).toMatch(/Cannot use the MCP file .*bad\.json: server .*odd.*: field .*env\.KEY.* must be a text/);
  expect(stderr).not.toContain("s3cret");
});
