// Owns the command `check clients`: its options, what it prints, where it runs, and its exit code.
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { llamaTemplates } from "@waggle/chat-format/testing/llama-templates";
import { guarded, namedOf, startWorker, type CommandEnding, type ProcessGroups } from "@waggle/testing/harness";
import { writeScriptedModel } from "@waggle/testing/models";
import type { Command as Program } from "commander";
import { execa } from "execa";
import { agentContextTokens as context, clients, type Client } from "../lib/clients/clients.ts";
import { installClients } from "../lib/clients/install.ts";
import { isOffline, offlinePrefix } from "../lib/clients/offline.ts";
import { runClient } from "../lib/clients/run-client.ts";
import { callLine, faultsOf, lineOf, type ClientRun } from "../lib/clients/verdict.ts";

interface Flags {
  readonly only?: readonly string[];
  readonly latest?: true;
  readonly into?: string;
  readonly installed?: string;
}

const template = "Qwen-Qwen3-0.6B";

export function addCheckClients(command: Program): void {
  command
    .option("--only <client...>", `test only these clients: ${clients.map(({ name }) => name).join(", ")}`)
    .option("--latest", "install the newest versions (default: versions known to work)")
    .option("--into <folder>", "install the clients into this folder and keep it (default: a temporary folder)")
    .option("--installed <folder>", "use the clients that an earlier run installed with --into")
    .action(checkClients);
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function checkClients(flags: Flags): Promise<void> {
  return guarded("check clients", async (groups, ending) => {
    const chosen = namedOf("Cannot check client", clients, flags.only);
    const folder = resolve(flags.installed ?? flags.into ?? mkdtempSync(join(tmpdir(), "waggle-clients-")));
    try {
      if (flags.installed === undefined) {
        mkdirSync(folder, { recursive: true });
        await installClients(chosen, { folder, latest: flags.latest ?? false, signal: ending.signal, say });
      }
      const prefix = isOffline() ? undefined : await offlinePrefix();
      if (prefix === undefined) await check(chosen, folder, groups);
      else process.exitCode = await checkOffline(prefix, chosen, folder, ending);
    } finally {
      const kept = flags.installed ?? flags.into;
      if (kept === undefined && existsSync(folder)) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    }
  });
}

/** Runs this command again without a network, and passes on the output and exit code of that run. */
async function checkOffline(
  [file, ...args]: readonly [string, ...string[]],
  chosen: readonly Client[],
  folder: string,
  { signal }: CommandEnding,
): Promise<number> {
  const itself = [process.execPath, ...process.execArgv, process.argv[1] as string];
  const flags = ["check", "clients", "--installed", folder, "--only", ...chosen.map(({ name }) => name)];
  // A signal ends the inner command and all processes that the command has started.
  const { exitCode } = await execa(file, [...args, ...itself, ...flags], {
    ...{ reject: false, stdio: ["ignore", "inherit", "inherit"], cancelSignal: signal },
  });
  signal.throwIfAborted();
  return exitCode ?? 1;
}

async function check(chosen: readonly Client[], folder: string, groups: ProcessGroups): Promise<void> {
  say(
    isOffline()
      ? "The check runs without a network, except loopback."
      : "The check uses this machine's network, because this system does not permit a namespace without a network.",
  );
  const source = llamaTemplates().get(template);
  if (source === undefined) throw new Error(`Cannot check clients: llama.cpp has no template ${template}`);
  const models = mkdtempSync(join(tmpdir(), "waggle-clients-model-"));
  try {
    const path = join(models, "scripted.gguf");
    const model = writeScriptedModel({ path, template: source, context, pictures: true });
    const flags = ["--model", model.path, "--context-size", String(context), "--slots", "2"];
    await using worker = await startWorker(groups, { flags });
    const runs: ClientRun[] = [];
    for (const client of chosen) {
      say(`\n${client.title}`);
      runs.push(
        await runClient(client, {
          ...{ groups, worker, model, folder, modelName: "Scripted" },
          onCall: (call) => say(`  ${callLine(call)}`),
          onErrorLine: (line) => say(`  | ${line}`),
        }),
      );
    }
    say(`\n${runs.map(lineOf).join("\n")}`);
    const failed = runs.filter((run) => faultsOf(run).length > 0).length;
    say(failed === 0 ? "PASSED" : `FAILED: ${failed} of ${chosen.length} clients`);
    process.exitCode = failed === 0 ? 0 : 1;
  } finally {
    rmSync(models, { recursive: true, force: true });
  }
}
