// Owns the gateway's configuration: argv and environment in, one validated, readonly object out. Nobody else reads flags or variables.
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import {
  accessProblem,
  isLocalMode,
  parseCommandLine,
  readSettingText,
  readSettings,
  readTokens,
  tokenSourceOf,
  tokenVariable,
  variableOf,
  variableText,
  replayProblem,
  logSettingsOf,
  refusal,
  screenOf,
} from "@waggle/daemon";
import type { Environment, LogSettings, Screen } from "@waggle/daemon";
import { TokenFileError } from "@waggle/front";
import type { ApiToken } from "@waggle/front";
import { exitCodeHelp, exitCodes } from "@waggle/protocol";
import { gatewayOptions } from "./config/gateway-options.ts";
import type { GatewayOptionValues } from "./config/gateway-options.ts";

type Computed =
  | "localMode"
  | "natsUrl"
  | "gatewayId"
  | "logLevel"
  | "logFormat"
  | "clientQueueShare"
  | "allowedHosts"
  | "allowedOrigins";

type Defined = { readonly [K in Computed]: NonNullable<GatewayOptionValues[K]> };

/** Each setting stands under its key in the option table, durations in ms and sizes in bytes. */
export interface GatewayConfig extends Omit<GatewayOptionValues, Computed>, Defined, LogSettings {
  readonly version: string;
  /** What it says is for a person; undefined: for a program. */
  readonly screen: Screen | undefined;
  /** From the variable alone; with it and `apiTokenFile`, `readTokens` reads all of them again. */
  readonly apiToken: string | undefined;
  readonly apiTokens: readonly ApiToken[];
}

export type ConfigResult =
  | { readonly kind: "run"; readonly config: GatewayConfig }
  | {
      readonly kind: "exit";
      readonly code: number;
      readonly stdout?: string;
      readonly stderr?: string;
      /** What stderr says, one by one and without the program's name. */
      readonly problems?: readonly string[];
    };

/** What the configuration needs to know of the machine. */
export interface Machine {
  readonly hostname: string;
  readonly pid: number;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  readonly version: string;
  /** @throws Error as node:fs does */
  readText(path: string): string;
}

const program = "waggle-gateway";

function describeMachine(): Machine {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return {
    hostname: hostname(),
    pid: process.pid,
    stdoutIsTerminal: Boolean(process.stdout.isTTY),
    stderrIsTerminal: Boolean(process.stderr.isTTY),
    version: (JSON.parse(manifest) as { version: string }).version,
    readText: readSettingText,
  };
}

/** Never throws: what is wrong comes back as an exit with code 64 and a sentence for each problem on stderr. */
export function parseConfig(
  argv: readonly string[],
  env: Environment,
  machine: Machine = describeMachine(),
): ConfigResult {
  const line = parseCommandLine(argv, gatewayOptions, {
    version: machine.version,
    program,
    description: "The worker's HTTP front over a fleet of workers on NATS.",
    afterHelp,
  });
  if (line.kind === "print") return { kind: "exit", code: exitCodes.ok, stdout: line.text };
  if (line.kind === "error") return refuse([line.message]);
  const read = readSettings<GatewayOptionValues>(gatewayOptions, { flags: line.flags, env, shown: withoutSecrets });
  if ("problems" in read) return refuse(read.problems);
  const { values } = read;
  const apiToken = variableText(env, tokenVariable);
  const tokenSource = tokenSourceOf(apiToken, values);
  const broken = brokenRules(values, tokenSource);
  if (broken.length > 0) return refuse(broken);
  try {
    const apiTokens = readTokens({ apiToken, apiTokenFile: values.apiTokenFile }, { read: machine.readText });
    const localMode = isLocalMode(values, tokenSource);
    return { kind: "run", config: completeConfig(values, { localMode, apiToken, apiTokens }, env, machine) };
  } catch (error) {
    if (error instanceof TokenFileError) return refuse([error.message]);
    throw error;
  }
}

function completeConfig(
  values: GatewayOptionValues,
  read: Pick<GatewayConfig, "localMode" | "apiToken" | "apiTokens">,
  env: Environment,
  machine: Machine,
): GatewayConfig {
  const { hostname: host, pid, version } = machine;
  const { port } = values;
  const name = host.replace(/[^A-Za-z0-9.-]+/g, "-").slice(0, 100) || "host";
  return {
    ...values,
    ...read,
    version,
    natsUrl: values.natsUrl ?? "",
    // Port 0 is not known yet, and two such gateways on a machine must differ.
    gatewayId: values.gatewayId ?? `gateway-${name}-${port === 0 ? `p${pid}` : port}`,
    ...logSettingsOf(values, machine),
    screen: screenOf(machine, env),
    clientQueueShare: values.clientQueueShare ?? (read.apiTokens.length > 1 ? 0.5 : 1),
    allowedHosts: values.allowedHosts ?? [],
    allowedOrigins: values.allowedOrigins ?? [],
  };
}

/** What must hold between settings, as it does for a worker. */
function brokenRules(values: GatewayOptionValues, tokenSource: string | undefined): readonly string[] {
  const { natsUrl } = values;
  const access = accessProblem(values, tokenSource);
  return [
    ...(natsUrl === undefined ? ["Cannot start without a fleet: name its NATS server with --nats-url."] : []),
    ...[access, replayProblem(values)].filter((problem) => problem !== undefined),
    ...(values.maxBodyBytes > values.maxBodiesBytes
      ? ["Cannot use a --max-body larger than --max-bodies: one body would fill more than all may."]
      : []),
  ];
}

function refuse(problems: readonly string[]): ConfigResult {
  return { kind: "exit", code: exitCodes.badConfiguration, stderr: refusal(program, problems), problems };
}

/** Of a URL. */
function withoutSecrets(text: string): string {
  return text.replace(/\/\/[^@/]*@/g, "//");
}

const afterHelp = `
Values:
  Durations are 500ms, 30s, 2m or 1h; a bare number is seconds. Sizes are 65536, 64KiB, 4MiB or 1GiB.
  Each flag is a variable too: --drain-timeout is ${variableOf(gatewayOptions.drainTimeoutMs)}. A flag wins over its variable.
  The API token is the variable WAGGLE_API_TOKEN or stands in --api-token-file.

Examples:
  ${program} --nats-url nats://127.0.0.1:4222
  WAGGLE_API_TOKEN=… ${program} --host 0.0.0.0 --nats-url tls://nats.example.org --nats-creds gateway.creds

Exit codes:
${exitCodeHelp(["ok", "badConfiguration", "unavailable", "internal", "abortedByInterrupt", "abortedByTermination"])}`;
