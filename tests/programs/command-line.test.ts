// Tests `waggle` in a real terminal and in pipes. The worker that it starts must exit with it, however it ends.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lacks } from "@waggle/testing";
import { poll, withoutSettings } from "@waggle/testing/harness";
import { beforeEach, describe, expect, it } from "vitest";
import { openTerminal, processesWith, wagglePath } from "../support/terminal.ts";

let folder = "";
let env: Record<string, string> = {};
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "waggle-cli-"));
  // No worker listens on this port, so `waggle` cannot find another worker of this machine.
  env = { WAGGLE_PORT: "2", XDG_STATE_HOME: folder, XDG_CACHE_HOME: folder };
});

const fake = { WAGGLE_BACKEND: "fake", WAGGLE_FAKE_STEP_DELAY: "10" };
const ours = (): readonly { readonly pid: number; readonly command: string }[] =>
  processesWith("XDG_CACHE_HOME", folder);

async function waggle(argv: readonly string[], stdin = ""): Promise<{ code: number; stdout: string; stderr: string }> {
  return await new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [wagglePath, ...argv],
      { env: { ...withoutSettings(process.env), ...env } },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
    child.stdin?.end(stdin);
  });
}

describe("waggle run", () => {
  it("starts a worker for one answer of the embedded model, and leaves no process behind", async () => {
    const argv = ["run", "--stats", "--set", "max_tokens=12", "--set", "temperature=0"];
    const { code, stdout, stderr } = await waggle(argv, "Tell me a story about a dog and a ball.");
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/^12 tokens, .*cut at max_tokens\n$/) as string,
    });
    expect(stdout).toMatch(/^Once upon a time.*\n$/);
    expect(ours()).toEqual([]);
  });

  it("joins no fleet and no hive, also with such settings in the environment", async () => {
    let calls = 0;
    const server = createServer((socket) => {
      calls += 1;
      socket.destroy();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
      env = {
        ...env,
        ...fake,
        WAGGLE_NATS_URL: `nats://${address}`,
        WAGGLE_HIVE_URL: `http://${address}`,
      };
      expect(await waggle(["run", "[eog:100] on and on"])).toMatchObject({ code: 0 });
      expect(calls).toBe(0);
    } finally {
      server.close();
    }
  });

  it("reports why a model cannot be loaded", async () => {
    const { code, stdout, stderr } = await waggle(["run", "./no-such.gguf", "hi"]);
    expect({ code, stdout }).toEqual({ code: 66, stdout: "" });
    expect(stderr).toBe("waggle: Cannot load model ./no-such.gguf: no such file.\n");
    expect(ours()).toEqual([]);
  });
});

describe("a name that is probably a download, in a terminal", () => {
  const offline = { WAGGLE_OFFLINE: "1", NO_COLOR: "1" };
  const question = /Qwen3 [\d.]+B, [\d.]+ [GM]B, .*\. Download\? \[Y\/n\] /;

  it.each([
    { argv: ["run", "qwen3", "Why?"], yes: /Cannot download .*offline/ },
    { argv: ["pull", "qwen3"], yes: /Cannot download: the variable WAGGLE_OFFLINE/ },
    { argv: ["serve", "qwen3", "--port", "0"], yes: /Cannot download .*offline/ },
  ])("waggle $argv uses the reference after a yes", async ({ argv, yes }) => {
    await using terminal = openTerminal(argv, { ...env, ...offline });
    await terminal.shows(question);
    terminal.type("y\r");
    await terminal.shows(yes);
    expect(await terminal.exited).not.toBe(0);
  });

  it("fails as without a terminal after a no, and at Ctrl-D", async () => {
    for (const keys of ["n\r", "\u0004"]) {
      await using terminal = openTerminal(["run", "qwen3", "Why?"], { ...env, ...offline });
      await terminal.shows(question);
      terminal.type(keys);
      await terminal.shows(/Unknown model qwen3: /);
      expect(await terminal.exited).toBe(66);
    }
  });

  it("ends at Ctrl-C", async () => {
    await using terminal = openTerminal(["serve", "qwen3", "--port", "0"], { ...env, ...offline });
    await terminal.shows(question);
    terminal.type("\u0003");
    expect(await terminal.exited).toBe(130);
    expect(ours()).toEqual([]);
  });

  it("waggle run of such a word alone asks for a prompt", async () => {
    await using terminal = openTerminal(["run", "llama3.2:3b"], { ...env, ...offline });
    await terminal.shows(/The prompt is missing: llama3\.2:3b is probably a model\. Example: waggle run llama3\.2:3b /);
    expect(await terminal.exited).toBe(64);
  });
});

it("waggle doctor tests the engine, and reports invalid settings", async () => {
  env = { ...env, WAGGLE_SLOTS: "many" };
  const { code, stdout, stderr } = await waggle(["doctor", "--json"]);
  expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
  const findings = JSON.parse(stdout) as readonly { check: string; level: string; text: string }[];
  expect(findings.find(({ check }) => check === "Settings")).toMatchObject({
    level: "problem",
    text: expect.stringMatching(/^Cannot use --slots "many"/) as string,
  });
  env = { ...env, WAGGLE_SLOTS: "" };
  const healed = JSON.parse((await waggle(["doctor", "--json"])).stdout) as typeof findings;
  expect(healed.find(({ check }) => check === "Engine")).toMatchObject({
    level: lacks("Waggle's addon") ? "warning" : "ok",
    text: expect.stringMatching(/^computes on cpu, .* tokens\/s/) as string,
  });
  expect(healed.filter(({ level }) => level === "problem")).toEqual([]);
  expect(ours()).toEqual([]);
});

describe("waggle chat in a terminal", () => {
  it("streams, stops an answer at Ctrl-C, and exits at Ctrl-D", async () => {
    await using terminal = openTerminal(["chat"], { ...env, ...fake });
    await terminal.shows(/Ctrl-D leaves/);
    terminal.type("a long one [eog:100000]\r");
    await terminal.shows(/(\w+ ){5}/);
    terminal.type("lost\u0003");
    await terminal.shows(/Stopped\./);
    terminal.type("a short one [eog:4]\r");
    await terminal.shows(/\d tokens, .*tokens\/s/);
    terminal.type("\u0003");
    await terminal.shows(/Ctrl-C once more leaves/);
    terminal.type("\u001b[200~two\rlines [eog:3]\u001b[201~\r");
    await terminal.shows(/\d tokens, /);
    terminal.type("/set temperature hot\r");
    await terminal.shows(/Cannot set temperature/);
    terminal.type("\u0004");
    expect(await terminal.exited).toBe(0);
    await poll("all processes to exit", () => ours().length === 0);
    const kept = readFileSync(join(folder, "waggle", "chat-history"), "utf8")
      .split("\n")
      .slice(0, -1);
    expect(kept.map((line) => JSON.parse(line) as string)).toEqual([
      "a long one [eog:100000]",
      "a short one [eog:4]",
      "two\nlines [eog:3]",
      "/set temperature hot",
    ]);
  });

  it("leaves no process behind when it is killed", async () => {
    await using terminal = openTerminal(["chat"], { ...env, ...fake });
    await terminal.shows(/Ctrl-D leaves/);
    const chat = ours().find(({ command }) => command.includes(`${wagglePath} chat`) && !command.includes("script"));
    expect(ours().some(({ command }) => command.includes("serve --local-mode"))).toBe(true);
    process.kill(chat?.pid ?? 0, "SIGKILL");
    await terminal.exited;
    await poll("all processes to exit", () => ours().length === 0);
  });
});

it("waggle batch run pauses at Ctrl-C, and continues with the same command", async () => {
  const [requests, answers] = [join(folder, "in.jsonl"), join(folder, "out.jsonl")];
  writeFileSync(requests, Array.from({ length: 100 }, (_, i) => `"line ${i} [eog:20]"\n`).join(""));
  const argv = ["batch", "run", requests, "--out", answers, "--window", "48"];
  env = { ...env, ...fake };
  {
    await using terminal = openTerminal(argv, env);
    await terminal.shows(/[1-9]\d* of 100 lines/);
    terminal.type("\u0003");
    await terminal.shows(/is paused\. The same command continues it\./);
    expect(await terminal.exited).toBe(130);
  }
  expect(await waggle(argv)).toMatchObject({ code: 0, stdout: `100 answers in ${answers}.\n` });
  const lines = readFileSync(answers, "utf8").trimEnd().split("\n");
  const ids = lines.map((line) => Number((JSON.parse(line) as { readonly custom_id: string }).custom_id));
  expect(ids.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
  expect(ours()).toEqual([]);
});

it("waggle serve shows its address and the model on a terminal, and stops at Ctrl-C", async () => {
  await using terminal = openTerminal(["serve", "--port", "0"], { ...env, WAGGLE_BACKEND: "fake", WAGGLE_PORT: "" });
  await terminal.shows(/OPENAI_BASE_URL=http:\/\/127\.0\.0\.1:\d+\/v1/);
  await terminal.shows(/is ready, after/);
  terminal.type("\u0003");
  expect(await terminal.exited).toBe(0);
  await poll("all processes to exit", () => ours().length === 0);
});
