// Reads argv, variables and the settings file into one validated, readonly configuration. Only main and config read flags and variables. Also owns the
// parts of the worker's --help that are not settings.
import { join, resolve } from "node:path";
import { collectProblems, queueShareOf, readConfig } from "@waggle/daemon";
import type { ConfigOf, ConfigResult, DaemonConfig, Environment, ProgramHelp } from "@waggle/daemon";
import { shownReference } from "@waggle/models/download";
import { readChatTemplate } from "./config/chat-template.ts";
import { readWorkerFile } from "./config/config-file.ts";
import { foreignFlags } from "./config/foreign-flags.ts";
import { givenModels } from "./config/given-models.ts";
import type { GivenModel } from "./config/given-models.ts";
import { hiveToken, hiveTokenVariable } from "./config/hive-token.ts";
import { huggingFaceToken } from "./config/hugging-face-token.ts";
import { describeWorker } from "./config/machine.ts";
import type { WorkerMachine } from "./config/machine.ts";
import { modelSettingsOf } from "./config/model-settings.ts";
import type { ModelSettingKey, ModelSettings } from "./config/model-settings.ts";
import { optionTable } from "./config/option-table.ts";
import type { OptionValues } from "./config/option-table.ts";
import { brokenRules } from "./config/rules.ts";
import { defaultGpuFolder, defaultModelsFolder } from "./config/well-known.ts";
import type { FakeEngineOptions } from "./engine/engine-start.ts";

type Completed =
  | "mcpJournalDir"
  | "batchDir"
  | "aliases"
  | "pinnedModels"
  | "workerId"
  | "modelsFolder"
  | "gpuFolder"
  | "clientQueueShare";

/** Each setting is under its key of the option table. Durations are in ms, sizes in bytes. */
export interface WorkerConfig extends Omit<
  ConfigOf<OptionValues, Completed>,
  "models" | ModelSettingKey | `fake${string}`
> {
  /** Whether the models folder was set: the worker then serves the models in that folder. */
  readonly servesFolder: boolean;
  /** How this terminal calls the command line: in a checkout, only npx finds it. */
  readonly command: "waggle" | "npx waggle";
  readonly models: readonly GivenModel[];
  /** Settings for loading models that have no separate settings. */
  readonly modelSettings: ModelSettings;
  /** Maximum number of threads that the engine tries. */
  readonly maxThreads: number;
  readonly hiveToken: string | undefined;
  readonly huggingFaceToken: string | undefined;
  readonly fake: FakeEngineOptions;
}

/**
 * Never throws. For unusable settings, returns an exit with code 64 and a sentence for each problem, meant for stderr.
 * A sentence names the flag, and the variable or the line of the file from which the value came.
 */
export function parseConfig(
  argv: readonly string[],
  env: Environment,
  machine: WorkerMachine = describeWorker(),
): ConfigResult<WorkerConfig> {
  return readConfig(argv, env, machine, {
    kind: "worker",
    table: optionTable,
    help: workerHelp,
    shown: shownReference,
    readFile: readWorkerFile,
    complete({ values: given, file, variable, defaultId, finish }) {
      const values = { ...given, models: given.models ?? file?.models };
      const settingsOf = (own: OptionValues): ModelSettings =>
        modelSettingsOf(own, readChatTemplate(own.chatTemplate, machine.readText), machine.cores);
      const { workerId = defaultId } = values;
      const found = [...brokenRules(values)];
      const { models = [], problems = [] } =
        collectProblems(found, () =>
          givenModels({ values, file: given.models === undefined ? file : undefined, settingsOf }),
        ) ?? {};
      found.push(...problems);
      const tokens = {
        hiveToken: collectProblems(found, () =>
          hiveToken({ variable: variable(hiveTokenVariable), path: values.hiveTokenFile }, machine),
        ),
        huggingFaceToken: collectProblems(found, () => huggingFaceToken(variable, machine)),
      };
      const shared = { ...finish(workerId, found), ...tokens };
      const modelSettings = settingsOf(values);
      return completeConfig({ values, models, modelSettings, workerId, shared }, env, machine);
    },
  });
}

interface ReadSettings {
  readonly values: OptionValues;
  readonly models: readonly GivenModel[];
  readonly modelSettings: ModelSettings;
  readonly workerId: string;
  readonly shared: DaemonConfig & Pick<WorkerConfig, "hiveToken" | "huggingFaceToken">;
}

function completeConfig(read: ReadSettings, env: Environment, machine: WorkerMachine): WorkerConfig {
  const { values, models, modelSettings, workerId, shared } = read;
  const { fakeStepDelayMs, fakeLoadDelayMs, fakeFailLoad, fakeCrashAtStep, fakeGate, ...settings } = values;
  const { homeFolder } = machine;
  return {
    ...settings,
    ...shared,
    models,
    modelSettings,
    aliases: values.aliases ?? [],
    pinnedModels: values.pinnedModels ?? [],
    servesFolder: values.modelsFolder !== undefined,
    workerId,
    modelsFolder: resolve(values.modelsFolder ?? defaultModelsFolder(env, homeFolder)),
    command: env["npm_lifecycle_event"] === "npx" ? "npx waggle" : "waggle",
    mcpConfig: values.mcpConfig === undefined ? undefined : resolve(values.mcpConfig),
    mcpJournalDir: resolve(values.mcpJournalDir ?? join(shared.stateFolder, "mcp")),
    batchDir: resolve(values.batchDir ?? join(shared.stateFolder, "batches")),
    gpuFolder: resolve(values.gpuFolder ?? defaultGpuFolder(env, homeFolder)),
    prefixStoreDir: values.prefixStoreDir === undefined ? undefined : resolve(values.prefixStoreDir),
    maxThreads: machine.cores,
    clientQueueShare: queueShareOf(values.clientQueueShare, shared.apiTokens),
    fake: {
      stepDelayMs: fakeStepDelayMs ?? 0,
      loadDelayMs: fakeLoadDelayMs ?? 0,
      failLoad: fakeFailLoad,
      crashAtStep: fakeCrashAtStep,
      gate: fakeGate,
    },
  };
}

/** This command accepts models without a flag: see serve-arguments. */
const serveProgram = "waggle serve";

function workerHelp(program: string): ProgramHelp {
  return {
    description: "Runs GGUF models and streams their tokens over HTTP.",
    usage: program === serveProgram ? "[models...] [options]" : undefined,
    example: optionTable.drainTimeoutMs,
    notes: ["HF_TOKEN gives access to private Hugging Face models."],
    examples: [
      program,
      `${program} --ollama`,
      `${program} --model ./llama-3.2-1b-q4_k_m.gguf --slots 4`,
      `${program} --model chat=./llama-3.2-1b-q4_k_m.gguf --model embed=hf:user/embedder:Q8_0`,
      `WAGGLE_API_TOKEN=… ${program} --host 0.0.0.0 --hive-url http://hive:7700 --advertise-url http://worker-1:7711`,
    ],
    foreignFlags,
    exitCodes: [
      ...(["ok", "badConfiguration", "fileUnusable", "unavailable", "internal"] as const),
      ...(["modelCannotBeLoaded", "abortedByInterrupt", "abortedByTermination"] as const),
    ],
  };
}
