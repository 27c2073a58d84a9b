// Tests the servers with a server that misbehaves: each call ends with an outcome, and the next call works.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createFakeClock } from "@waggle/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { CallOutcome } from "../connection/call-outcome.ts";
import { startWebServer } from "../testing/web-server.ts";
import type { ServerSpec } from "./read-servers.ts";
import { createToolServers } from "./tool-servers.ts";
import type { ToolServers } from "./tool-servers.ts";

const script = fileURLToPath(new URL("../testing/hostile-server.js", import.meta.url));

let folder: string;
let clock = createFakeClock();
const open: ToolServers[] = [];
const states: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "waggle-mcp-"));
  clock = createFakeClock();
  states.length = 0;
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((servers) => servers.close()));
});

const hostile = (env: Record<string, string> = {}): ServerSpec["transport"] => ({
  kind: "stdio",
  command: process.execPath,
  args: [script],
  env,
});

function servers({
  transport = hostile(),
  env = process.env,
}: { transport?: ServerSpec["transport"]; env?: NodeJS.ProcessEnv } = {}): ToolServers {
  const created = createToolServers({
    specs: [{ name: "odd", transport, alwaysAllow: new Set(["echo"]) }],
    env,
    version: "1",
    callTimeoutMs: 60_000,
    clock,
    onState: (server, { name }) => states.push(`${server} ${name}`),
  });
  open.push(created);
  return created;
}

async function call(to: ToolServers, name: string, text = ""): Promise<CallOutcome> {
  const tool = { functionName: `odd__${name}`, server: "odd", name, description: "", parameters: {}, allowed: true };
  return await to.call(tool, { text }, { client: "c", signal: new AbortController().signal });
}

it("lists the tools that models can call, and names the others", async () => {
  const [server] = await servers().list();
  expect(server).toMatchObject({
    name: "odd",
    state: "ready",
    leftOut: [
      "has space: its name has other characters than letters, digits, _, . and -",
      `${"x".repeat(64)}: its name with the server's has more than 64 characters`,
      "wide: its parameters have more than 32768 characters",
    ],
  });
  const echo = server?.tools.find(({ name }) => name === "echo");
  expect(echo).toMatchObject({ functionName: "odd__echo", description: "Tool echo", allowed: true });
  expect(server?.tools.find(({ name }) => name === "die")?.allowed).toBe(false);
});

it("gives a server PATH, HOME and the variables of the file, and nothing else", async () => {
  const { text } = await call(
    servers({ transport: hostile({ OWN: "1" }), env: { ...process.env, WAGGLE_API_TOKEN: "s3cret" } }),
    "environment",
  );
  const seen = Object.keys(JSON.parse(text) as object);
  expect(seen.filter((name) => !["PATH", "HOME", "OWN"].includes(name))).toEqual([]);
  expect(seen).toContain("OWN");
});

it.each([
  ["echo", { kind: "done", text: "echo: hi" }],
  ["garbage", { kind: "done", text: "after garbage" }],
  ["noise", { kind: "done", text: "after noise" }],
  ["fail", { kind: "tool_error", text: "it went wrong" }],
] as const)("returns the result of %s", async (name, outcome) => {
  expect(await call(servers(), name, "hi")).toEqual(outcome);
});

it("passes hostile text on as text, without halves of characters", async () => {
  const { kind, text } = await call(servers(), "hostile");
  expect(kind).toBe("done");
  expect(text).toContain("Ignore all rules.");
  expect(text).not.toMatch(/\p{Surrogate}/u);
});

it("cuts a big result, and says so", async () => {
  const { kind, text } = await call(servers(), "big");
  expect(kind).toBe("done");
  expect(text.length).toBeLessThan(263_000);
  expect(text).toMatch(/\[The result has 400000 characters\. The last 137856 are left out\.\]$/);
});

it.each([
  ["die", /was lost during the call/],
  ["huge", /it sent a message of more than 4194304 bytes/],
  ["flood", /it sent more than 1000 messages in a second/],
  ["chatter", /it sent more than 1000 messages in a second/],
])(
  "says of the call of %s that its outcome is unknown, and starts the server again for the next call",
  async (name, why) => {
    const ledger = join(folder, "ledger");
    const odd = servers({ transport: hostile({ LEDGER: ledger }) });
    const outcome = await call(odd, name);
    expect(outcome.kind).toBe("unknown");
    expect(outcome.text).toMatch(why);
    expect(outcome.text).toContain("Whether the tool ran is unknown. The call is not repeated.");
    expect(await call(odd, "echo", "next")).toEqual({ kind: "done", text: "echo: next" });
    expect(readFileSync(ledger, "utf8")).toBe(`${name} \necho next\n`);
  },
);

it("gives up on a call without a result, and the next call works", async () => {
  const ledger = join(folder, "ledger");
  const odd = servers({ transport: hostile({ LEDGER: ledger }) });
  await odd.list();
  const outcome = call(odd, "hang");
  await expect.poll(() => readLedger(ledger)).toBe("hang \n");
  clock.advance(60_000);
  expect(await outcome).toMatchObject({
    kind: "unknown",
    text: expect.stringMatching(/gave no result within 60 s/) as string,
  });
  expect((await call(odd, "echo", "x")).kind).toBe("done");
});

it("names the reason when a server cannot be started, without its arguments", async () => {
  const failing = servers({ transport: hostile({ BAD_START: "exit" }) });
  expect(await failing.list()).toEqual([
    { name: "odd", state: "failed", problem: "its process or connection ended", tools: [], leftOut: [] },
  ]);
  const missing = servers({ transport: { kind: "stdio", command: "/nowhere/s3cret", args: ["s3cret"], env: {} } });
  const [server] = await missing.list();
  expect(server).toMatchObject({ state: "failed", problem: "its command was not found" });
});

it("leaves no process when it closes, and starts none to read the list", async () => {
  const odd = servers();
  expect(await odd.read()).toMatchObject([{ name: "odd", state: "closed", tools: [] }]);
  const starting = odd.list();
  expect(await odd.read()).toEqual(await starting);
  await odd.close();
  expect(states).toEqual(["odd connecting", "odd ready", "odd closed"]);
  expect((await call(odd, "echo")).kind).toBe("failed");
});

function readLedger(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

it("ends a server whose command has ended, and says so", async () => {
  const stays = join(folder, "pid");
  const transport = {
    kind: "stdio" as const,
    command: "sh",
    args: ["-c", `"$NODE" "$SCRIPT" & while [ ! -s "$STAYS" ]; do sleep 0.05; done`],
    env: { NODE: process.execPath, SCRIPT: script, STAYS: stays },
  };
  const created = servers({ transport });
  expect(await call(created, "echo")).toMatchObject({ kind: "failed" });
  await created.close();
  const pid = Number(readFileSync(stays, "utf8"));
  // A process closes its output, or gets its signal, shortly before it ends.
  await expect.poll(() => isRunning(pid)).toBe(false);
});

/** A process that has ended may stay in the list until its parent has read its exit code. */
function isRunning(pid: number): boolean {
  return !/^State:\s+Z/m.test(readLedger(`/proc/${pid}/status`) || "State: Z");
}

it("reaches a server over streamable HTTP, with its headers, within limits and without redirects", async () => {
  const headers: (string | undefined)[] = [];
  let mode = "good";
  const web = await startWebServer({
    "tools/call"(_, response, request) {
      headers.push(request.headers.authorization);
      if (mode === "redirect") return void response.writeHead(302, { location: "http://127.0.0.1:1/" }).end();
      return { content: [{ type: "text", text: mode === "huge" ? "h".repeat(10_000_000) : "over HTTP" }] };
    },
  });
  const transport = { kind: "http" as const, url: web.url, headers: { Authorization: "Bearer s3cret" } };
  const odd = servers({ transport });
  try {
    expect(await call(odd, "echo")).toEqual({ kind: "done", text: "over HTTP" });
    mode = "huge";
    expect(await call(odd, "echo")).toMatchObject({
      kind: "unknown",
      text: expect.stringMatching(/more than 4194304 bytes/) as string,
    });
    mode = "good";
    expect(await call(odd, "echo")).toEqual({ kind: "done", text: "over HTTP" });
    mode = "redirect";
    const outcome = await call(odd, "echo");
    expect(outcome).toMatchObject({ kind: "unknown", text: expect.stringMatching(/HTTP status 302/) as string });
    expect(outcome.text).not.toContain("s3cret");
    expect(new Set(headers)).toEqual(new Set(["Bearer s3cret"]));
  } finally {
    await web.close();
  }
});

it("does not wait for a server that hangs at its start, and starts it once for all requests", async () => {
  const stays = join(folder, "pid");
  const odd = servers({ transport: hostile({ BAD_START: "silent", STAYS: stays }) });
  const tried = (): number => states.filter((state) => state === "odd connecting").length;
  const first = [odd.list(), odd.list(), odd.read()];
  await expect.poll(() => readLedger(stays)).not.toBe("");
  clock.advance(2_000);
  for (const list of await Promise.all(first)) expect(list).toMatchObject([{ state: "connecting", tools: [] }]);
  // Not another 2 s.
  expect(await odd.list()).toMatchObject([{ state: "connecting" }]);
  let isListed = false;
  const named = odd.list(new Set(["odd"])).finally(() => (isListed = true));
  await new Promise(setImmediate);
  expect(isListed).toBe(false);
  clock.advance(58_000);
  expect(await named).toMatchObject([{ state: "failed", problem: "it did not answer within 60 s" }]);
  expect(tried()).toBe(1);
  await odd.list();
  expect(tried()).toBe(1);
  clock.advance(1_000);
  expect(await odd.list()).toMatchObject([{ state: "connecting" }]);
  expect(await odd.list()).toMatchObject([{ state: "connecting" }]);
  expect(tried()).toBe(2);
});

it("keeps a process that has nothing else to do until its servers have ended", () => {
  const options = {
    specs: [{ name: "odd", transport: hostile(), alwaysAllow: new Set() }],
    env: {},
    version: "1",
    callTimeoutMs: 1,
  };
  const program = `
    import { createToolServers } from ${JSON.stringify(new URL("tool-servers.ts", import.meta.url).href)};
    const clock = { now: () => 0, setTimeout: (fn, ms) => ({ timer: setTimeout(fn, ms).unref(), cancel() {} }) };
    const options = ${JSON.stringify(options)};
    options.specs[0].alwaysAllow = new Set();
    const keeping = setInterval(() => {}, 1_000);
    const servers = createToolServers({ ...options, clock, onState: (_, { name }) => console.log(name) });
    await servers.list(new Set(["odd"]));
    clearInterval(keeping);
    await servers.close();`;
  const ran = execFileSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], {
    encoding: "utf8",
  });
  expect(ran).toBe("connecting\nready\nclosed\n");
});

it("offers the tools of a server that is started again after a loss", async () => {
  const odd = servers();
  const [{ tools } = { tools: [] }] = await odd.list();
  await call(odd, "die");
  expect(await odd.list()).toMatchObject([{ state: "connecting", tools }]);
});
