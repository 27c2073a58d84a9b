// Owns the configuration: argv, environment and settings file in, one validated, readonly object out. Nobody else reads flags or
// variables.
import { resolve } from "node:path";
import {
  isLocalMode,
  logSettingsOf,
  readSettings,
  readTokens,
  refusal,
  screenOf,
  tokenSourceOf,
  tokenVariable,
  variableOf,
  variableText,
} from "@waggle/daemon";
import type { Environment, LogSettings, Screen, SettingSources } from "@waggle/daemon";
import { shownReference } from "@waggle/models";
import { exitCodes } from "@waggle/protocol";
import { ChatTemplateError, readChatTemplate } from "./config/chat-template.ts";
import { parseWorkerCommand } from "./config/command.ts";
import { ConfigFileError, readConfigFile } from "./config/config-file.ts";
import type { ConfigFile } from "./config/config-file.ts";
import { hiveToken, hiveTokenVariable } from "./config/hive-token.ts";
import { huggingFaceToken } from "./config/hugging-face-token.ts";
import { configuredModels } from "./config/configured-models.ts";
import type { ConfiguredModel } from "./config/configured-models.ts";
import { describeMachine } from "./config/machine.ts";
import type { Machine } from "./config/machine.ts";
import { modelSettingsOf } from "./config/model-settings.ts";
import type { ModelSettingKey, ModelSettings } from "./config/model-settings.ts";
import { optionTable } from "./config/option-table.ts";
import type { OptionKey, OptionValues } from "./config/option-table.ts";
import { brokenRules } from "./config/rules.ts";
import { readTraceSettings } from "./config/trace-settings.ts";
import type { TraceConfig } from "./config/trace-settings.ts";
import { defaultGpuFolder, defaultModelsFolder } from "./config/well-known.ts";
import { TokenFileError } from "@waggle/front";
import type { ApiToken } from "@waggle/front";
import type { FakeEngineOptions } from "./engine/engine-start.ts";

type Computed =
  | "aliases"
  | "pinnedModels"
  | "localMode"
  | "workerId"
  | "modelsFolder"
  | "gpuFolder"
  | "logLevel"
  | "logFormat"
  | "clientQueueShare"
  | "allowedHosts"
  | "allowedOrigins";
type Defined<K extends OptionKey> = { readonly [P in K]: NonNullable<OptionValues[P]> };

/**
 * Everything a worker is told. Each setting stands under its key in the option table, durations in ms and sizes in
 * bytes.
 */
export interface WorkerConfig
  extends Omit<OptionValues, "models" | Computed | ModelSettingKey | `fake${string}`>, Defined<Computed>, LogSettings {
  readonly version: string;
  /** What it says is for a person; undefined: for a program. */
  readonly screen: Screen | undefined;
  /** The models folder was given, so what lies there is served. */
  readonly servesFolder: boolean;
  readonly models: readonly ConfiguredModel[];
  /** Of models that have none of their own. */
  readonly modelSettings: ModelSettings;
  /** Most threads that the engine tries by itself. */
  readonly maxThreads: number;
  /** From the variable alone; with it and `apiTokenFile`, `readTokens` reads all of them again. */
  readonly apiToken: string | undefined;
  /** Tokens that open the door; empty in local mode only. */
  readonly apiTokens: readonly ApiToken[];
  /** What the worker shows to its hive. */
  readonly hiveToken: string | undefined;
  readonly huggingFaceToken: string | undefined;
  readonly traces: TraceConfig;
  readonly fake: FakeEngineOptions;
}

export type ConfigResult =
  | { readonly kind: "run"; readonly config: WorkerConfig }
  | {
      readonly kind: "exit";
      readonly code: number;
      readonly stdout?: string;
      readonly stderr?: string;
      /** What stderr says, one by one and without the program's name. */
      readonly problems?: readonly string[];
    };

/**
 * Never throws: what is wrong comes back as an exit with code 64 and, on stderr, a sentence for each problem that names
 * the flag, and the variable, or the file and its line, when the value came from there.
 */
export function parseConfig(
  argv: readonly string[],
  env: Environment,
  machine: Machine = describeMachine(),
): ConfigResult {
  const line = parseWorkerCommand(argv, machine);
  if (line.kind === "print") return { kind: "exit", code: exitCodes.ok, stdout: line.text };
  if (line.kind === "error") return refuse([line.message], machine);

  try {
    return settingsOf(
      { flags: line.flags, env, file: configFileOf(line.flags, env, machine), shown: shownReference },
      machine,
    );
  } catch (error) {
    if (error instanceof ConfigFileError) return refuse(error.problems, machine);
    if (error instanceof TokenFileError || error instanceof ChatTemplateError) return refuse([error.message], machine);
    throw error;
  }
}

interface Sources extends SettingSources<OptionKey> {
  readonly file: ConfigFile | undefined;
}

function configFileOf(flags: Sources["flags"], env: Environment, machine: Machine): ConfigFile | undefined {
  const path = flags.get("configFile") ?? variableText(env, variableOf(optionTable.configFile));
  // What is no path at all is refused with the other settings.
  if (path === undefined || !optionTable.configFile.schema.safeParse(path).success) return undefined;
  return readConfigFile(path, machine.readText);
}

/** @throws TokenFileError, ChatTemplateError */
function settingsOf(from: Sources, machine: Machine): ConfigResult {
  const { env } = from;
  const read = readSettings<OptionValues>(optionTable, from);
  if ("problems" in read) return refuse(read.problems, machine);
  const given = read.values;
  const values = { ...given, models: given.models ?? from.file?.models };
  const settingsOf = (own: OptionValues): ModelSettings =>
    modelSettingsOf(own, readChatTemplate(own.chatTemplate, machine.readText), machine.cores);
  const { models, problems } = configuredModels({
    values,
    file: given.models === undefined ? from.file : undefined,
    settingsOf,
  });

  const apiToken = variableText(env, tokenVariable);
  const tokenSource = tokenSourceOf(apiToken, values);
  const broken = [...brokenRules({ values, tokenSource }), ...problems];
  if (broken.length > 0) return refuse(broken, machine);
  const apiTokens = readTokens({ apiToken, apiTokenFile: values.apiTokenFile }, { read: machine.readText });
  return {
    kind: "run",
    config: completeConfig(
      values,
      {
        localMode: isLocalMode(values, tokenSource),
        apiToken,
        apiTokens,
        models,
        modelSettings: settingsOf(values),
      },
      env,
      machine,
    ),
  };
}

function refuse(problems: readonly string[], { program }: Machine): ConfigResult {
  return { kind: "exit", code: exitCodes.badConfiguration, stderr: refusal(program, problems), problems };
}

function completeConfig(
  values: OptionValues,
  read: Pick<WorkerConfig, "localMode" | "apiToken" | "apiTokens" | "models" | "modelSettings">,
  env: Environment,
  machine: Machine,
): WorkerConfig {
  const { fakeStepDelayMs, fakeLoadDelayMs, fakeFailLoad, fakeCrashAtStep, fakeHangAtStep, ...settings } = values;
  const workerId = values.workerId ?? defaultWorkerId(values.port, machine);
  return {
    ...settings,
    aliases: values.aliases ?? [],
    pinnedModels: values.pinnedModels ?? [],
    servesFolder: values.modelsFolder !== undefined,
    version: machine.version,
    workerId,
    modelsFolder: resolve(values.modelsFolder ?? defaultModelsFolder(env, machine.homeFolder)),
    gpuFolder: resolve(values.gpuFolder ?? defaultGpuFolder(env, machine.homeFolder)),
    prefixStoreDir: values.prefixStoreDir === undefined ? undefined : resolve(values.prefixStoreDir),
    maxThreads: machine.cores,
    ...logSettingsOf(values, machine),
    screen: screenOf(machine, env),
    clientQueueShare: values.clientQueueShare ?? (read.apiTokens.length > 1 ? 0.5 : 1),
    allowedHosts: values.allowedHosts ?? [],
    allowedOrigins: values.allowedOrigins ?? [],
    ...read,
    hiveToken: hiveToken({ variable: variableText(env, hiveTokenVariable), path: values.hiveTokenFile }, machine),
    huggingFaceToken: huggingFaceToken((name) => variableText(env, name), machine),
    traces: readTraceSettings((name) => variableText(env, name), { version: machine.version, instance: workerId }),
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
