// Tests `waggle launch` with a program that notes how it was started in place of each agent.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { WaggleError } from "@waggle/protocol";
import type { CommandSpec } from "../command.ts";
import { commandTable } from "../command-table.ts";
import { modelStatus, startFakeWorker, type FakeWorkerScript } from "../testing/fake-worker.ts";
import { runCommand, type CommandResult } from "../testing/run-command.ts";
import { agents } from "./agents.ts";

interface Start {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Texts of the files that arguments or variables name. */
  readonly files: Readonly<Record<string, string>>;
}

const noteStart = `#!${process.execPath}
const { existsSync, readFileSync, writeFileSync } = require("node:fs");
const args = process.argv.slice(2);
const named = [...args, ...Object.values(process.env)].filter((word) => word.includes("waggle-launch-") && existsSync(word));
const files = Object.fromEntries(named.map((path) => [path, readFileSync(path, "utf8")]));
writeFileSync(process.env.NOTE, JSON.stringify({ args, env: process.env, files }));
if (args[0] === "die") process.kill(process.pid, "SIGTERM");
else process.exit(7);
`;

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "waggle-agents-"));
  for (const { name } of agents) writeFileSync(join(folder, name), noteStart, { mode: 0o755 });
});

const bee = modelStatus("user/bee", { default: true, context_size: 131_072 });

async function launch(
  argv: readonly string[],
  script: FakeWorkerScript = { models: [bee] },
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult & { readonly url: string; readonly start: Start | undefined }> {
  await using worker = await startFakeWorker({
    ...script,
    routes: { "GET /v1/info": { ...(await infoOf()), model: "user/bee" }, ...script.routes },
  });
  const note = join(folder, "note.json");
  const result = await runCommand(["launch", "--url", worker.url, ...argv], {
    config: { env: { PATH: folder, NOTE: note, ...env }, token: env["WAGGLE_API_TOKEN"] },
  });
  const start = existsSync(note) ? (JSON.parse(readFileSync(note, "utf8")) as Start) : undefined;
  return { ...result, url: worker.url, start };
}

async function infoOf(): Promise<object> {
  await using worker = await startFakeWorker();
  return (await (await fetch(`${worker.url}/v1/info`)).json()) as object;
}

describe("waggle launch", () => {
  it.each(agents.map(({ name }) => name))("starts %s with address, model, window and token", async (name) => {
    const { code, err, url, start } = await launch([name], undefined, { WAGGLE_API_TOKEN: "s3cret" });
    expect({ code, err }).toEqual({ code: 7, err: "" });
    const { args = [], env = {}, files = {} } = start ?? {};
    const all = JSON.stringify({ args, env, files });
    expect(all).toContain(url);
    expect(all).toContain("user/bee");
    expect(all).toMatch(/131072|122880/);
    expect([...Object.values(env), ...Object.values(files)].join(" ")).toContain("s3cret");
    expect(args.join(" ")).not.toContain("s3cret");
    for (const path of Object.keys(files)) expect(existsSync(path)).toBe(false);
  });

  it("passes on the arguments after -- and the exit code, or the signal", async () => {
    expect((await launch(["claude", "--", "-p", "What is this?", "--model"])).start?.args).toEqual([
      ...["-p", "What is this?", "--model"],
    ]);
    expect((await launch(["claude", "die"])).code).toBe(128 + 15);
    expect(await launch(["claude", "-p", "What?"])).toMatchObject({
      code: 64,
      err: expect.stringContaining("Write the arguments of the agent after --.") as string,
    });
  });

  it("removes the folder of a launch that was killed, and not of one that runs", async () => {
    // No system has a process with the first id.
    const [killed, runs] = [4_194_305, process.pid].map((pid) =>
      mkdtempSync(join(tmpdir(), `waggle-launch-${pid}-`)),
    ) as [string, string];
    writeFileSync(join(killed, "cline.json"), "s3cret");
    expect((await launch(["claude"])).code).toBe(7);
    expect([existsSync(killed), existsSync(runs)]).toEqual([false, true]);
  });

  it("removes variables with which Claude Code would use another server", async () => {
    const { start } = await launch(["claude"], undefined, { ANTHROPIC_API_KEY: "sk", KEPT: "yes" });
    expect(start?.env).toMatchObject({ KEPT: "yes", CLAUDE_CODE_MAX_OUTPUT_TOKENS: "8192" });
    expect(start?.env).not.toHaveProperty("ANTHROPIC_API_KEY");
  });

  it("loads the chosen model, whose window is known only then", async () => {
    const wasp = modelStatus("wasp", { state: "unloaded" });
    const events = [{ type: "done" as const, model: { ...wasp, context_size: 4_096 } }];
    const { start, err } = await launch(["claude", "--model", "wasp"], { models: [bee, wasp], events });
    expect(start?.env).toMatchObject({ ANTHROPIC_MODEL: "wasp", CLAUDE_CODE_MAX_CONTEXT_TOKENS: "4096" });
    expect(start?.env).toMatchObject({ CLAUDE_CODE_MAX_OUTPUT_TOKENS: "1024" });
    expect(err).toContain("The window of wasp has 4096 tokens; Claude Code needs about 65536.");
    const codex = await launch(["codex", "--model", "wasp"], { models: [bee, wasp], events });
    expect(codex.start?.args).toContain("model_auto_compact_token_limit=2730");
  });

  it("starts with an unknown window if the token must not load the model", async () => {
    const routes = { "POST /v1/models/load": new WaggleError("forbidden", "No.") };
    const wasp = modelStatus("wasp", { state: "unloaded" });
    const { code, start, err } = await launch(["claude", "--model", "wasp"], { models: [bee, wasp], routes });
    expect([code, err]).toEqual([7, "The window of wasp is unknown: only an admin token can load the model now.\n"]);
    expect(start?.env).toMatchObject({ ANTHROPIC_MODEL: "wasp" });
    expect(start?.env).not.toHaveProperty("CLAUDE_CODE_MAX_CONTEXT_TOKENS");
  });

  it("says that a worker has no model yet", async () => {
    const routes = { "GET /v1/info": { ...(await infoOf()), model: "" } };
    expect(await launch(["claude"], { models: [], routes })).toMatchObject({
      code: 66,
      err: expect.stringMatching(/^waggle: http:.* has no model yet\. "waggle pull" lists/) as string,
    });
  });

  it("sets no window at a gateway, which does not know it", async () => {
    const gateway = { models: [modelStatus("user/bee")], gateway: true };
    const info = { ...(await infoOf()), model: "user/bee", gateway: true };
    const { start } = await launch(["codex"], { ...gateway, routes: { "GET /v1/info": info } });
    expect(start?.args.join(" ")).toContain('model="user/bee"');
    expect(start?.args.join(" ")).not.toContain("model_context_window");
  });

  it("says how to install an agent, and which agent was probably meant", async () => {
    rmSync(join(folder, "opencode"));
    expect(await launch(["opencode"])).toMatchObject({
      code: 69,
      err: 'waggle: opencode is not installed here. Install it with "npm install -g opencode-ai".\n',
    });
    expect((await launch(["cluade"])).err).toBe("waggle: Unknown agent cluade. Did you mean claude?\n");
    expect((await launch(["emacs"])).err).toMatch(/^waggle: Unknown agent emacs\. Known agents: claude, codex, /);
  });

  it("says how to start a worker if none answers", async () => {
    const result = await runCommand(["launch", "claude"], { config: { env: { PATH: folder } } });
    expect(result).toMatchObject({ code: 69, err: expect.stringContaining('Start one with "waggle serve"') as string });
  });

  it("names all agents in its help", () => {
    const row: CommandSpec | undefined = commandTable.find(({ name }) => name === "launch");
    const [argument] = row?.arguments ?? [];
    const names = agents.map(({ name }) => name);
    expect(argument?.help).toBe(`${names.slice(0, -1).join(", ")} or ${names.at(-1)}`);
  });
});
