// Owns the command line's settings from the environment: the addresses of workers, the folder of models, the token, and the colours. A private
// worker reads its other settings itself.
import { readFileSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { defaultGpuFolder, defaultModelsFolder, defaultPort } from "@waggle/worker/well-known";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface CliConfig {
  readonly version: string;
  readonly url: string;
  /** Whether WAGGLE_URL is set. If so, `waggle run` and `waggle chat` start no private worker. */
  readonly urlGiven: boolean;
  readonly token: string | undefined;
  readonly modelsFolder: string;
  /** Folder in which workers look for GPU packages. */
  readonly gpuFolder: string;
  /** Folder for data that is kept between runs. */
  readonly stateFolder: string;
  /** Folders in which other programs keep models, whether they exist or not. */
  readonly programFolders: readonly ProgramFolder[];
  readonly colors: boolean;
  /** The path and the Node arguments to start this program again. */
  readonly entry: { readonly path: string; readonly execArgv: readonly string[] };
  readonly env: Environment;
}

export interface ProgramFolder {
  readonly program: "Ollama" | "LM Studio";
  readonly path: string;
}

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
    programFolders: programFolders(env, homeFolder),
    // https://no-color.org: any value that is not empty turns colours off.
    colors: variable(env, "NO_COLOR") === undefined && env["TERM"] !== "dumb",
    entry,
    env,
  };
}

function programFolders(env: Environment, homeFolder: string): readonly ProgramFolder[] {
  const ollama = [
    variable(env, "OLLAMA_MODELS") ?? join(homeFolder, ".ollama", "models"),
    // The folder of the service that Ollama's installer for Linux starts.
    ...(process.platform === "linux" ? ["/usr/share/ollama/.ollama/models"] : []),
  ];
  // An older installation of LM Studio keeps the second folder.
  const lmStudio = [join(homeFolder, ".lmstudio", "models"), join(homeFolder, ".cache", "lm-studio", "models")];
  return [
    ...ollama.map((path) => ({ program: "Ollama", path: resolve(path) }) as const),
    ...lmStudio.map((path) => ({ program: "LM Studio", path }) as const),
  ];
}

/** An empty variable counts as not set, as in the worker's settings. */
function variable(env: Environment, name: string): string | undefined {
  return env[name] === "" ? undefined : env[name];
}

function readVersion(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}
