// Owns the configuration: argv and environment in, one validated, readonly object out. Nobody else reads flags or
// variables.
import { isAbsolute, join, resolve } from "node:path";
import { shownReference } from "@waggle/models";
import { exitCodes } from "@waggle/protocol";
import { z } from "zod";
import { ChatTemplateError, readChatTemplate } from "./config/chat-template.ts";
import { parseCommandLine } from "./config/command.ts";
import { huggingFaceToken } from "./config/hugging-face-token.ts";
import { describeMachine } from "./config/machine.ts";
import type { Machine } from "./config/machine.ts";
import { variableOf } from "./config/option-row.ts";
import { modelSettingsOf } from "./config/model-settings.ts";
import type { ModelSettingKey, ModelSettings } from "./config/model-settings.ts";
import { optionRows, optionTable } from "./config/option-table.ts";
import type { OptionKey, OptionValues } from "./config/option-table.ts";
import { brokenRules } from "./config/rules.ts";
import { readTokens, tokenVariable } from "./config/read-tokens.ts";
import { TokenFileError } from "@waggle/front";
import type { ApiToken } from "@waggle/front";
import type { FakeEngineOptions } from "./engine/engine-start.ts";

export { readTokens } from "./config/read-tokens.ts";

type Computed = "workerId" | "modelsFolder" | "logFormat" | "clientQueueShare" | "allowedHosts" | "allowedOrigins";
type Defined<K extends OptionKey> = { readonly [P in K]: NonNullable<OptionValues[P]> };

/**
 * Everything a worker is told. Each setting stands under its key in the option table, durations in ms and sizes in
 * bytes.
 */
export interface WorkerConfig
  extends Omit<OptionValues, Computed | ModelSettingKey | `fake${string}`>, Defined<Computed> {
  readonly version: string;
  readonly modelSettings: ModelSettings;
  /** Most threads that the engine tries by itself. */
  readonly maxThreads: number;
  /** From the variable alone; with it and `apiTokenFile`, `readTokens` reads all of them again. */
  readonly apiToken: string | undefined;
  /** Tokens that open the door; empty in local mode only. */
  readonly apiTokens: readonly ApiToken[];
  readonly huggingFaceToken: string | undefined;
  readonly fake: FakeEngineOptions;
}

export type ConfigResult =
  | { readonly kind: "run"; readonly config: WorkerConfig }
  | { readonly kind: "exit"; readonly code: number; readonly stdout?: string; readonly stderr?: string };

type Environment = Readonly<Record<string, string | undefined>>;

/** How much of a refused value an error shows. */
const maxShownChars = 80;

/**
 * Never throws: what is wrong comes back as an exit with code 64 and, on stderr, a sentence for each problem that names
 * the flag, and the variable when the value came from there.
 */
export function parseConfig(
  argv: readonly string[],
  env: Environment,
  machine: Machine = describeMachine(),
): ConfigResult {
  const line = parseCommandLine(argv, machine.version);
  if (line.kind === "print") return { kind: "exit", code: exitCodes.ok, stdout: line.text };
  if (line.kind === "error") return refuse([`Cannot start: ${line.message}.`.replace(/\.\.$/, ".")]);

  const parsed = schema.safeParse(rawValues(line.flags, env));
  if (!parsed.success) return refuse(parsed.error.issues.map((issue) => describeIssue(issue, line.flags, env)));
  const values = parsed.data as OptionValues;

  const apiToken = variableText(env, tokenVariable);
  const sources = [apiToken && tokenVariable, values.apiTokenFile && "--api-token-file"].filter((source) => source);
  const broken = brokenRules({ values, tokenSource: sources.length === 0 ? undefined : sources.join(" and ") });
  if (broken.length > 0) return refuse(broken);
  try {
    const apiTokens = readTokens({ apiToken, apiTokenFile: values.apiTokenFile }, machine.readText);
    return { kind: "run", config: completeConfig(values, { apiToken, apiTokens }, env, machine) };
  } catch (error) {
    if (error instanceof TokenFileError || error instanceof ChatTemplateError) return refuse([error.message]);
    throw error;
  }
}

const schema = z.object(
  Object.fromEntries(
    optionRows.map(([key, row]) => [key, row.default === undefined ? row.schema.optional() : row.schema]),
  ),
);

/** Flag before variable before default. An empty variable counts as not set, as in `WAGGLE_MODEL= waggle-worker`. */
function rawValues(flags: ReadonlyMap<OptionKey, string>, env: Environment): Record<string, string | undefined> {
  return Object.fromEntries(
    optionRows.map(([key, row]) => [key, flags.get(key) ?? variableText(env, variableOf(row)) ?? row.default]),
  );
}

function variableText(env: Environment, name: string): string | undefined {
  return env[name] === "" ? undefined : env[name];
}

function describeIssue(issue: z.core.$ZodIssue, flags: ReadonlyMap<OptionKey, string>, env: Environment): string {
  const key = issue.path[0] as OptionKey;
  const row = optionTable[key];
  const flag = flags.get(key);
  const value = JSON.stringify(shownReference(flag ?? env[variableOf(row)] ?? "").slice(0, maxShownChars));
  const origin = flag === undefined ? ` (from the variable ${variableOf(row)})` : "";
  return `Cannot use --${row.flag} ${value}${origin}: ${issue.message}.`;
}

function refuse(problems: readonly string[]): ConfigResult {
  const stderr = `${problems.join("\n")}\nwaggle-worker --help lists all settings.\n`;
  return { kind: "exit", code: exitCodes.badConfiguration, stderr };
}

function completeConfig(
  values: OptionValues,
  tokens: Pick<WorkerConfig, "apiToken" | "apiTokens">,
  env: Environment,
  machine: Machine,
): WorkerConfig {
  const { fakeStepDelayMs, fakeLoadDelayMs, fakeFailLoad, fakeCrashAtStep, fakeHangAtStep, ...settings } = values;
  return {
    ...settings,
    modelSettings: modelSettingsOf(values, readChatTemplate(values.chatTemplate, machine.readText), machine.cores),
    version: machine.version,
    workerId: values.workerId ?? defaultWorkerId(values.port, machine),
    modelsFolder: resolve(values.modelsFolder ?? defaultModelsFolder(env, machine)),
    prefixStoreDir: values.prefixStoreDir === undefined ? undefined : resolve(values.prefixStoreDir),
    maxThreads: machine.cores,
    logFormat: values.logFormat ?? (machine.stderrIsTerminal ? "pretty" : "json"),
    clientQueueShare: values.clientQueueShare ?? (tokens.apiTokens.length > 1 ? 0.5 : 1),
    allowedHosts: values.allowedHosts ?? [],
    allowedOrigins: values.allowedOrigins ?? [],
    ...tokens,
    huggingFaceToken: huggingFaceToken((name) => variableText(env, name), machine),
    fake: {
      stepDelayMs: fakeStepDelayMs ?? 0,
      loadDelayMs: fakeLoadDelayMs ?? 0,
      failLoad: fakeFailLoad,
      crashAtStep: fakeCrashAtStep,
      hangAtStep: fakeHangAtStep,
    },
  };
}

/** Port 0 is not known yet, and two such workers on a machine must differ: the process id takes its place. */
function defaultWorkerId(port: number, machine: Machine): string {
  const host = machine.hostname.replace(/[^A-Za-z0-9.-]+/g, "-").slice(0, 100) || "host";
  return `worker-${host}-${port === 0 ? `p${machine.pid}` : port}`;
}

/** After the XDG rules, a relative XDG_CACHE_HOME does not count. */
function defaultModelsFolder(env: Environment, machine: Machine): string {
  const cache = variableText(env, "XDG_CACHE_HOME");
  return join(
    cache !== undefined && isAbsolute(cache) ? cache : join(machine.homeFolder, ".cache"),
    "waggle",
    "models",
  );
}
