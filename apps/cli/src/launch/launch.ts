// Owns `waggle launch`: starts a coding agent of this machine with a worker's address, model and window. The agent's settings on this machine
// do not change.
import { spawn } from "node:child_process";
import { accessSync, constants as access, lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { nearWord, WaggleError, type ModelStatus } from "@waggle/protocol";
import { CliError, exitCodes, wrongUse } from "../cli-error.ts";
import type { Context, Run } from "../command.ts";
import type { Environment } from "../config.ts";
import { createProgressView } from "../terminal/progress.ts";
import { followEvents } from "../worker/follow-events.ts";
import { modelsOf, noModelYet, pickModel } from "../worker/model-names.ts";
import { needWorker, type Reached } from "../worker/reach.ts";
import { agents, type Agent, type AgentStart } from "./agents.ts";

/** The token for a worker in local mode, which accepts any. */
const anyToken = "waggle";
/** Before the process id in the names of the temporary folders. */
const folderPrefix = "waggle-launch-";

export const run: Run = async (context, words) => {
  const [name = "", ...args] = words.args;
  const agent = agentOf(name);
  const { config, err } = context;
  if (!isInstalled(agent.name, config.env)) {
    throw new CliError(
      `${agent.title} is not installed here. Install it with "npm install -g ${agent.npm}".`,
      exitCodes.unavailable,
    );
  }
  const worker = await needWorker(context, words.text("url"));
  const model = await loadedModel(context, worker, words.text("model"));
  const { context_size: contextSize } = model;
  if (contextSize !== undefined && contextSize < agent.leastContext) {
    err.write(
      `The window of ${model.name} has ${contextSize} tokens; ${agent.title} needs about ${agent.leastContext}. ` +
        "Restart the worker with a larger --context-size.\n",
    );
  }
  removeStaleFolders();
  const folder = mkdtempSync(join(tmpdir(), `${folderPrefix}${process.pid}-`));
  try {
    const place = { url: worker.url, token: config.token ?? anyToken, model: model.name, contextSize, folder };
    return await runAgent(context, agent, agent.start(place), { folder, args });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/** Removes this user's folders of launches that were killed: their files may have a token. */
function removeStaleFolders(): void {
  try {
    for (const name of readdirSync(tmpdir())) {
      const [, pid] = new RegExp(`^${folderPrefix}(\\d+)-`).exec(name) ?? [];
      const path = join(tmpdir(), name);
      if (pid === undefined || isRunning(Number(pid)) || lstatSync(path).uid !== process.getuid?.()) continue;
      rmSync(path, { recursive: true, force: true });
    }
  } catch {
    // The launch does not depend on it, and the next one tries again.
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function agentOf(name: string): Agent {
  const found = agents.find((agent) => agent.name === name);
  if (found !== undefined) return found;
  const names = agents.map((agent) => agent.name);
  const near = nearWord(name, names);
  const advice = near === undefined ? `Known agents: ${names.join(", ")}.` : `Did you mean ${near}?`;
  throw wrongUse(`Unknown agent ${name}. ${advice}`);
}

function isInstalled(program: string, env: Environment): boolean {
  return (env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), access.X_OK);
      return folder !== "";
    } catch {
      return false;
    }
  });
}

/** The wanted model, or else the worker's default. Its window is known only once it is loaded; a gateway loads no models. */
async function loadedModel(
  context: Context,
  { url, client, info }: Reached,
  wanted: string | undefined,
): Promise<Pick<ModelStatus, "name" | "context_size">> {
  const { err, signal } = context;
  const models = await modelsOf(client, signal);
  if (models.length === 0) throw new CliError(noModelYet(url), exitCodes.fileUnusable);
  const model = pickModel(models, wanted ?? info.model);
  if (model.context_size !== undefined || info.gateway === true) return model;
  const events = client.models.load({ model: model.name }, { signal });
  return await followEvents(events, createProgressView(err)).catch((error: unknown) => {
    if (!(error instanceof WaggleError) || error.code !== "forbidden") throw error;
    // The first request loads the model.
    err.write(`The window of ${model.name} is unknown: only an admin token can load the model now.\n`);
    return model;
  });
}

/** Starts the agent in this terminal, and passes signals on to it. @returns the agent's exit code */
async function runAgent(
  { config, passSignals }: Context,
  { title, name }: Agent,
  { args, env, files = {} }: AgentStart,
  given: { readonly folder: string; readonly args: readonly string[] },
): Promise<number> {
  for (const [file, text] of Object.entries(files)) writeFileSync(join(given.folder, file), text, { mode: 0o600 });
  const child = spawn(name, [...args, ...given.args], { stdio: "inherit", env: { ...config.env, ...env } });
  // A terminal sends Ctrl-C to both processes; the agent decides what it means.
  const stopPassing = passSignals((signal) => signal === "SIGINT" || child.kill(signal));
  try {
    return await new Promise((resolve, reject) => {
      child.once("error", (error) => reject(new CliError(`Cannot start ${title}: ${error.message}.`)));
      child.once("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? "SIGTERM"]));
    });
  } finally {
    stopPassing();
  }
}
