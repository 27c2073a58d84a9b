// Runs one client with a separate working folder and home, and with a proxy to the worker. Finds processes and ports that the client leaves behind.
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  createLeftoverCheck,
  endLeftovers,
  killGroup,
  errorText,
  promptTokens,
  stopwatch,
  waitFor,
  wayOut,
  type Metrics,
  type ProcessGroups,
  type Worker,
} from "@waggle/testing/harness";
import type { ScriptedModel } from "@waggle/testing/models";
import { wordFile, type Client, type ClientPlace, type Output } from "./clients.ts";
import { installed, pathOf } from "./install.ts";
import { startRecordingProxy, type Call } from "./recording-proxy.ts";
import type { ClientRun } from "./verdict.ts";

export interface RunOptions {
  readonly groups: ProcessGroups;
  readonly worker: Worker;
  readonly model: ScriptedModel;
  /** The worker's name for the model. */
  readonly modelName: string;
  /** The folder in which the clients are installed. */
  readonly folder: string;
  readonly onCall: (call: Call) => void;
  readonly onErrorLine: (line: string) => void;
}

type Command = readonly [file: string, ...args: string[]];

/** In local mode, the worker accepts any token. */
const anyToken = "waggle";
const clientLimitMs = 600_000;

/** @throws Error when the client is not installed or cannot be started */
export async function runClient(client: Client, options: RunOptions): Promise<ClientRun> {
  const { groups, worker, model } = options;
  const { program, version, modules } = installed(client, options.folder);
  const word = randomBytes(4).toString("hex");
  const says = client.says(word);
  const elapsed = stopwatch();
  const leftovers = createLeftoverCheck();
  const leaders: number[] = [];
  const promptLengths: number[] = [];
  const before = await worker.metrics();
  const folder = mkdtempSync(join(tmpdir(), "waggle-client-"));
  try {
    await using proxy = await startRecordingProxy({
      target: worker.url,
      async prepare(path, body) {
        await leftovers.observe(leaders);
        const at = await promptTokens(worker.url, path, body);
        promptLengths.push(at);
        model.say({ at, say: says(JSON.stringify(body)) ?? "" });
      },
      onCall: options.onCall,
    });
    const place = { url: proxy.url, model: options.modelName, token: anyToken };
    const { args, env } = client.start(place);
    const command: Command = client.agent === undefined ? [program] : launchCommand(client.agent, place);
    const home = folderIn(folder, "home", {});
    const pictures = client.pictures?.(word).map(({ name, bytes }) => [name, bytes]) ?? [];
    const files = { [wordFile]: `${word}\n`, ...client.files, ...Object.fromEntries(pictures) };
    const work = folderIn(folder, "work", files);
    // Node looks for the packages of a script next to the script.
    if (client.program === "node") symlinkSync(modules, join(work, "node_modules"));
    const lines: string[] = [];
    const group = await groups.start({
      name: client.name,
      command: [...command, ...args],
      cwd: work,
      env: { PATH: pathOf(options.folder, join(modules, ".bin")), HOME: home, TMPDIR: folder, LANG: "C.UTF-8", ...env },
      onStdoutLine: (line) => lines.push(line),
      onLogLine: options.onErrorLine,
    });
    leaders.push(group.pid);
    const exit = await waitFor(`the end of ${client.title}`, group.exited, clientLimitMs).then(
      wayOut,
      () => "did not end",
    );
    const output: Output = {
      stdout: lines.join("\n"),
      file: (name) => (existsSync(join(work, name)) ? readFileSync(join(work, name), "utf8") : ""),
    };
    const left = endLeftovers(await leftovers.check());
    const { calls } = proxy;
    const facts = { client, version, word, calls, exit, left, promptLengths, seconds: elapsed() / 1_000 };
    return { ...facts, ...workSince(before, await worker.metrics()), ...clientText(client, output) };
  } finally {
    leaders.forEach(killGroup);
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** As people start it, but with Waggle's program from this checkout. */
function launchCommand(agent: string, { url, model }: ClientPlace): Command {
  const waggle = fileURLToPath(new URL("../../../../../apps/cli/bin/waggle.js", import.meta.url));
  return [process.execPath, waggle, "launch", agent, "--url", url, "--model", model, "--"];
}

function folderIn(parent: string, name: string, files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = join(parent, name);
  mkdirSync(folder);
  for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content);
  return folder;
}

function workSince(before: Metrics, after: Metrics): Pick<ClientRun, "computedTokens" | "encodedPictures"> {
  const since = (name: string): number => after.sum(name) - before.sum(name);
  return {
    computedTokens: since("waggle_prompt_tokens_total") - since("waggle_cached_prompt_tokens_total"),
    encodedPictures: since("waggle_picture_encode_seconds_count"),
  };
}

function clientText(client: Client, output: Output): Pick<ClientRun, "text" | "textFault"> {
  try {
    return { text: client.textIn(output) };
  } catch (error) {
    return { text: undefined, textFault: `it has no answer: ${errorText(error)}` };
  }
}
