// Reads a program's configuration from argv, environment variables and the settings file, for worker, gateway and hive.
import { homedir, hostname } from "node:os";
import { isAbsolute, join } from "node:path";
import { exitCodes } from "@waggle/protocol";
import type { LogFormat, LogLevel } from "@waggle/telemetry";
import { complaint, sentence, type Style } from "../terminal/index.ts";
import { readTokens, tokenVariable, type TokenSources } from "../tokens/read-tokens.ts";
import type { ApiToken } from "../tokens/token-file.ts";
import type { TokenRights } from "../tokens/token-rights.ts";
import { accessProblem, isLocalMode, tokenSourceOf, type AccessSettings } from "./access.ts";
import { parseCommandLine, type ProgramHelp } from "./command-line.ts";
import { fileOptions, readConfigFile } from "./config-file.ts";
import { variableOf, type OptionRow, type OptionRows, type OptionValuesOf } from "./option-row.ts";
import { readSettingText } from "./setting-text.ts";
import { SettingsError, collectProblems } from "./settings-error.ts";
import { readSettings, variableText, type Environment, type SettingsFile } from "./settings.ts";
import { logSettingsOf, screenOf, type LogSettings, type Screen, type TerminalFacts } from "./terminal-facts.ts";

/** The facts about the machine that a configuration needs: plain data, so that parsing stays pure. */
export interface Machine extends TerminalFacts {
  readonly hostname: string;
  readonly homeFolder: string;
  readonly pid: number;
  /** Version of the program. */
  readonly version: string;
  /** The command as a user types it: `waggle serve`, `waggle-worker`. */
  readonly program: string;
  /** @throws Error as node:fs does */
  readText(path: string): string;
}

/** @param manifest the package.json of the program */
export function describeMachine(program: string, manifest: URL): Machine {
  return {
    hostname: hostname(),
    homeFolder: homedir(),
    pid: process.pid,
    stdoutIsTerminal: Boolean(process.stdout.isTTY),
    stderrIsTerminal: Boolean(process.stderr.isTTY),
    version: (JSON.parse(readSettingText(manifest)) as { version: string }).version,
    program,
    readText: readSettingText,
  };
}

/**
 * The default name of a daemon. The name contains the port. For port 0 the real port is not known yet, so the name contains the process id: two daemons on a
 * machine need different names.
 */
function defaultName(kind: string, port: number, { hostname: host, pid }: Machine): string {
  const name = host.replace(/[^A-Za-z0-9.-]+/g, "-").slice(0, 100) || "host";
  return `${kind}-${name}-${port === 0 ? `p${pid}` : port}`;
}

/** The settings of every daemon, in the form that a daemon uses. */
export interface DaemonConfig extends LogSettings, Omit<TokenSources, "apiTokenFile"> {
  /** The daemon's name in its log: `waggle-worker`. */
  readonly service: string;
  /** The command as a user types it: `waggle serve`, `waggle-worker`. */
  readonly program: string;
  readonly version: string;
  /** Whether only this machine may use the daemon. */
  readonly localMode: boolean;
  /** The tokens of the variable and of the file; empty only in local mode. */
  readonly apiTokens: readonly ApiToken[];
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  /** Undefined when a program reads stdout. */
  readonly screen: Screen | undefined;
  /** Folder of what is kept between runs. */
  readonly stateFolder: string;
  /** The daemon's name on this machine. */
  readonly instance: string;
  /** Whether the next start of this daemon has the same name. */
  readonly hasLastingId: boolean;
  /** Limit of the history on disk; 0 keeps none. */
  readonly historyBytes: number;
}

/**
 * A daemon's configuration: the settings of its table by their keys, with `DaemonConfig` in place of the settings that every daemon has. The
 * settings `Completed` have a default that the table does not give, so they are never undefined.
 */
export type ConfigOf<V, Completed extends keyof V = never> = Omit<V, Completed | keyof DaemonConfig> & {
  readonly [K in Completed]: NonNullable<V[K]>;
} & DaemonConfig;

export type ConfigResult<C> =
  | { readonly kind: "run"; readonly config: C }
  | {
      readonly kind: "exit";
      readonly code: number;
      readonly stdout?: string;
      readonly stderr?: string;
      /** The problems as sentences, without the program's name; undefined if there are no problems. */
      readonly problems?: readonly string[];
    };

export interface ReadValues<V, F> {
  readonly values: V;
  readonly file: F | undefined;
  /** The text of an environment variable; undefined if the variable is empty or missing. */
  readonly variable: (name: string) => string | undefined;
  /** The daemon's id if no setting gives one. */
  readonly defaultId: string;
  /**
   * Checks and completes the settings that every daemon has. Call once, with the problems of all rules between settings.
   * @throws SettingsError when there are problems, the access settings contradict each other, or a token cannot be used
   */
  readonly finish: (id: string, problems?: readonly string[]) => DaemonConfig;
}

/** The values of the settings that every daemon has. */
interface DaemonValues extends AccessSettings {
  readonly port: number;
  readonly allowedOrigins: readonly string[] | undefined;
  readonly logLevel: LogLevel | undefined;
  readonly logFormat: LogFormat | undefined;
  /** Absent in a hive's table: its routes read no history from disk. */
  readonly historyBytes?: number;
}

/** A table of settings that includes the settings of every daemon: `fileOptions`, `logOptions`, and some rows of `listenOptions` and `accessOptions`. */
type DaemonRows = OptionRows & Readonly<Record<"configFile" | Exclude<keyof DaemonValues, "historyBytes">, OptionRow>>;

export interface ConfigReader<T extends DaemonRows, C, F extends SettingsFile<keyof T & string>> {
  readonly kind: "worker" | "gateway" | "hive";
  readonly table: T;
  readonly help: (program: string) => ProgramHelp;
  /** Names of variables that may have the token; the first variable that is set counts. */
  readonly tokenVariables?: readonly string[];
  /** Rights of the variable's token, in addition to the rights that the variable lists after the token. */
  readonly tokenRights?: Partial<Pick<TokenRights, "admin" | "monitor">>;
  /** Removes credentials from a refused value before an error shows it. */
  readonly shown?: (text: string) => string;
  /** Reads a settings file that also has sections other than settings; default: a file with only settings. Never throws. */
  readonly readFile?: (path: string, read: (path: string) => string) => F;
  /** @throws SettingsError */
  readonly complete: (read: ReadValues<OptionValuesOf<T>, F>) => C;
}

/**
 * Never throws. For settings that cannot be used, returns the exit code 64 and the text for stderr: a sentence for each problem. The sentence
 * names the flag, and the variable or the file and line if the value came from there.
 */
export function readConfig<T extends DaemonRows, C, F extends SettingsFile<keyof T & string>>(
  argv: readonly string[],
  env: Environment,
  machine: Machine,
  reader: ConfigReader<T, C, F>,
): ConfigResult<C> {
  const { kind, table, tokenVariables = [tokenVariable], tokenRights: apiTokenRights } = reader;
  const { program, version } = machine;
  const service = `waggle-${kind}`;
  const refuse = (problems: readonly string[]): ConfigResult<C> => {
    return { kind: "exit", code: exitCodes.badConfiguration, stderr: refusal(program, problems), problems };
  };
  const line = parseCommandLine(argv, table, { ...reader.help(program), version, program });
  if (line.kind === "print") return { kind: "exit", code: exitCodes.ok, stdout: line.text };
  if (line.kind === "error") return refuse([line.message]);
  const variable = (name: string): string | undefined => variableText(env, name);
  try {
    const file = readNamedFile(
      line.flags.get("configFile") ?? variable(variableOf(fileOptions.configFile)),
      machine,
      reader,
    );
    const read = readSettings<OptionValuesOf<T>>(table, { flags: line.flags, env, file, shown: reader.shown });
    const { values } = read;
    const settings = values as unknown as DaemonValues;
    const apiTokenVariable = tokenVariables.find((name) => variable(name) !== undefined);
    const apiToken = apiTokenVariable && variable(apiTokenVariable);
    const sources = { apiToken, apiTokenVariable, apiTokenRights };
    const found = [...(file?.problems ?? []), ...read.problems];
    const apiTokens = collectProblems(found, () =>
      readTokens({ ...sources, apiTokenFile: settings.apiTokenFile }, machine.readText),
    );
    // The rules between settings need all values.
    if (apiTokens === undefined || found.length > 0) return refuse(found);
    const defaultId = defaultName(kind, settings.port, machine);
    const finish = (id: string, problems: readonly string[] = []): DaemonConfig => {
      const { allowedHosts = [], allowedOrigins = [] } = settings;
      const source = tokenSourceOf(apiTokenVariable, settings);
      const all = [accessProblem(settings, source) ?? [], problems].flat();
      if (all.length > 0) throw new SettingsError(all);
      return {
        service,
        program,
        version,
        ...sources,
        apiTokens,
        localMode: isLocalMode(settings, source),
        allowedHosts,
        allowedOrigins,
        ...logSettingsOf(settings, machine),
        screen: screenOf(machine, env),
        stateFolder: stateFolderOf(variable("XDG_STATE_HOME"), machine.homeFolder),
        instance: id,
        hasLastingId: id !== defaultId || settings.port !== 0,
        historyBytes: settings.historyBytes ?? 0,
      };
    };
    return { kind: "run", config: reader.complete({ values, file, variable, defaultId, finish }) };
  } catch (error) {
    if (error instanceof SettingsError) return refuse(error.problems);
    throw error;
  }
}

/** The XDG rules say to ignore a variable with a relative path. */
function stateFolderOf(variable: string | undefined, homeFolder: string): string {
  return join(variable !== undefined && isAbsolute(variable) ? variable : join(homeFolder, ".local/state"), "waggle");
}

function readNamedFile<T extends DaemonRows, C, F extends SettingsFile<keyof T & string>>(
  path: string | undefined,
  { readText }: Machine,
  { table, readFile = (at, read) => readConfigFile(at, read, table) as F }: ConfigReader<T, C, F>,
): F | undefined {
  // A path that is not valid is reported later, together with the problems of other settings.
  if (path === undefined || !fileOptions.configFile.schema.safeParse(path).success) return undefined;
  return readFile(path, readText);
}

/** Makes the text for stderr: a line for each problem, then a line that names --help. @param program the command as a user types it */
export function refusal(program: string, problems: readonly string[], style?: Style): string {
  const more = ` (${program} --help says more.)`;
  return problems
    .map((problem, index) =>
      complaint(programName(program), sentence(problem) + (index < problems.length - 1 ? "" : more), style),
    )
    .join("");
}

/** The program's name at the start of each error: `waggle` for `waggle serve`. */
export function programName(program: string): string {
  return program.split(" ", 1)[0] ?? program;
}
