// Tests a tarball on an empty machine: installs the tarball without a network, runs every command and a worker, uninstalls, and finds leftovers.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import {
  createLeftoverCheck,
  endLeftovers,
  startWorker,
  stopwatch,
  type ProcessGroups,
  type Worker,
} from "@waggle/testing/harness";
import { hasAddon } from "../build/addon-file.ts";
import { createEmptyMachine, type EmptyMachine } from "./empty-machine.ts";
import { bytesIn } from "./tarball.ts";

export interface PackageCheck {
  readonly tarball: string;
  readonly groups: ProcessGroups;
  readonly signal: AbortSignal;
  /** Called after each step. */
  readonly onStep: (name: string, result: string) => void;
}

/** Size limit of an install. */
const mostInstalledBytes = 200_000_000;
const npmLimitMs = 120_000;
const commandLimitMs = 60_000;
const leaveLimitMs = 20_000;
const answerTokens = 32;
const bytesPerMb = 1_000_000;
/** README.md says that an uninstall keeps these folders. */
const keptFolders = ["home/.cache/waggle/", "home/.local/state/waggle/"];
const memoryFolder = "/dev/shm";

/** @returns a line for each problem. @throws Error when a step cannot be run */
export async function checkPackage(check: PackageCheck): Promise<readonly string[]> {
  const { tarball, onStep } = check;
  using machine = createEmptyMachine();
  const problems: string[] = [];
  const npm = (...args: readonly string[]): Promise<string> => machine.run("npm", args, npmLimitMs);

  const before = machine.files();
  const installing = stopwatch();
  await npm("install", "--global", "--no-audit", "--no-fund", tarball);
  const installMs = installing();
  const bytes = bytesIn(machine.prefix);
  onStep("install, no network", `${seconds(installMs)}, ${(bytes / bytesPerMb).toFixed(1)} MB`);
  if (bytes > mostInstalledBytes) problems.push(`The install takes ${bytes} bytes, more than ${mostInstalledBytes}`);

  for (const command of readdirSync(machine.bin).toSorted()) {
    const took = stopwatch();
    const version = await machine.run(join(machine.bin, command), ["--version"], commandLimitMs);
    onStep(`${command} --version`, `${version.trim()} in ${seconds(took())}`);
  }
  const waggle = join(machine.bin, "waggle");
  if (/^ +doctor /m.test(await machine.run(waggle, ["--help"], commandLimitMs))) {
    const found = await machine.run(waggle, ["doctor"], commandLimitMs);
    onStep("waggle doctor", found.trim().split("\n").at(-1) ?? "");
  }
  problems.push(...(await checkWorker(check, machine)));

  const removing = stopwatch();
  await npm("uninstall", "--global", "waggle");
  const isKept = (file: string): boolean => keptFolders.some((folder) => file.startsWith(folder));
  const left = machine.files().filter((file) => !before.includes(file) && !isKept(file));
  onStep("uninstall", `${seconds(removing())}, ${left.length} files left`);
  return [...problems, ...left.map((file) => `${file} is left`)];
}

async function checkWorker(
  { groups, onStep, signal }: PackageCheck,
  machine: EmptyMachine,
): Promise<readonly string[]> {
  const leftovers = createLeftoverCheck();
  const starting = stopwatch();
  await using worker = await startWorker(groups, {
    command: [join(machine.bin, "waggle"), "serve"],
    env: machine.env,
    flags: [],
  });
  onStep("waggle serve is ready", seconds(starting()));
  await leftovers.observe([worker.pid]);
  const printed = await machine.run(
    join(machine.bin, "waggle"),
    ["run", "--url", worker.url, "Hello!"],
    commandLimitMs,
  );
  onStep("waggle run", JSON.stringify(printed.slice(0, 40)));
  const problems = [
    ...(printed.trim() === "" ? ["waggle run printed nothing"] : []),
    ...(await streamed(worker, onStep, signal)),
    ...(await answeredWithSchema(worker, signal)),
    ...(await servedPages(worker, signal)),
    ...(await bindingProblems(worker, onStep, signal)),
  ];
  const leaving = stopwatch();
  const exit = await worker.stop(leaveLimitMs);
  onStep("SIGTERM", `exit code ${exit?.code ?? "none"} after ${seconds(leaving())}`);
  if (exit?.code !== 0) problems.push(`After SIGTERM the worker exited with ${JSON.stringify(exit)}`);
  return [...problems, ...endLeftovers(await leftovers.check()), ...memoryFoldersOf(worker.pid)];
}

async function streamed(
  { client }: Worker,
  onStep: PackageCheck["onStep"],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const took = stopwatch();
  let text = "";
  let last = "";
  const request = { prompt: "Once upon a time", max_tokens: answerTokens, temperature: 0 };
  for await (const event of client.inference(request, { signal })) {
    if (event.type === "token") text += event.text;
    last = event.type;
  }
  onStep("streamed answer", `${seconds(took())}: ${JSON.stringify(text.slice(0, 40))}…`);
  return last === "end" && text.trim() !== ""
    ? []
    : [`A stream ended with ${last} and the text ${JSON.stringify(text)}`];
}

/** Sends a chat with a schema, because this uses both threads: one renders the chat template, the other compiles the schema. */
async function answeredWithSchema({ url }: Worker, signal: AbortSignal): Promise<readonly string[]> {
  const schema = {
    type: "object",
    properties: { ok: { type: "boolean" } },
    required: ["ok"],
    additionalProperties: false,
  };
  const body = JSON.stringify({
    messages: [{ role: "user", content: "Answer." }],
    max_tokens: answerTokens,
    response_format: { type: "json_schema", json_schema: { name: "answer", schema } },
  });
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${url}/v1/chat/completions`, { method: "POST", headers, body, signal });
  const text = await response.text();
  return response.ok && /\\"ok\\"/.test(text)
    ? []
    : [`A chat with a schema was answered with ${response.status}: ${text}`];
}

async function bindingProblems(
  { client }: Worker,
  onStep: PackageCheck["onStep"],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { engine_binding: binding, engine_binding_reason: reason } = await client.info({ signal });
  onStep("engine binding", binding ?? "unknown");
  if (binding === "addon" || !hasAddon()) return [];
  return [`The worker decodes with ${binding} instead of the addon: ${reason ?? "no reason"}`];
}

async function servedPages({ url }: Worker, signal: AbortSignal): Promise<readonly string[]> {
  const answers = await Promise.all(
    ["/", "/status"].map(async (path) => ({ path, ...(await page(url + path, signal)) })),
  );
  return answers
    .filter(({ status, text }) => status !== 200 || !text.includes("<script"))
    .map(({ path, status }) => `The page ${path} was answered with ${status}`);
}

async function page(url: string, signal: AbortSignal): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(url, { signal });
  return { status: response.status, text: await response.text() };
}

function memoryFoldersOf(pid: number): readonly string[] {
  if (!existsSync(memoryFolder)) return [];
  const left = readdirSync(memoryFolder).filter((name) => name.startsWith(`waggle-prefixes-${pid}-`));
  return left.map((name) => `${memoryFolder}/${name} is left`);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
