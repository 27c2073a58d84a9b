// Owns what the environment says to the command line: where workers and models are, the token, and whether colours are wanted. What a
// worker of our own is told beside it, the worker reads by itself.
import { readFileSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { defaultGpuFolder, defaultModelsFolder, defaultPort } from "@waggle/worker/well-known";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface CliConfig {
  readonly version: string;
  /** Where a worker is looked for. */
  readonly url: string;
  /** Somebody has said so: then no other worker will do. */
  readonly urlGiven: boolean;
  readonly token: string | undefined;
  readonly modelsFolder: string;
  /** Where workers look for packages for a GPU. */
  readonly gpuFolder: string;
  /** For what is kept between two runs. */
  readonly stateFolder: string;
  readonly colors: boolean;
  /** How this program is started once more. */
  readonly entry: { readonly path: string; readonly execArgv: readonly string[] };
  /** For the processes that it starts. */
  readonly env: Environment;
}

/** What the process knows of itself. */
export interface ProcessFacts {
  readonly env: Environment;
  readonly homeFolder: string;
  readonly entry: CliConfig["entry"];
}

export function readConfig({ env, homeFolder, entry }: ProcessFacts): CliConfig {
  const url = variable(env, "WAGGLE_URL");
  const state = variable(env, "XDG_STATE_HOME") ?? "";
  return {
    version: readVersion(),
    url: url ?? `http://127.0.0.1:${variable(env, "WAGGLE_PORT") ?? defaultPort}`,
    urlGiven: url !== undefined,
    token: variable(env, "WAGGLE_API_TOKEN"),
    modelsFolder: resolve(variable(env, "WAGGLE_MODELS_DIR") ?? defaultModelsFolder(env, homeFolder)),
    gpuFolder: resolve(variable(env, "WAGGLE_GPU_DIR") ?? defaultGpuFolder(env, homeFolder)),
    stateFolder: join(isAbsolute(state) ? state : join(homeFolder, ".local", "state"), "waggle"),
    // https://no-color.org: present and not empty, whatever its value.
    colors: variable(env, "NO_COLOR") === undefined && env["TERM"] !== "dumb",
    entry,
    env,
  };
}

/** An empty variable counts as not set, as for the worker. */
function variable(env: Environment, name: string): string | undefined {
  return env[name] === "" ? undefined : env[name];
}

function readVersion(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}
