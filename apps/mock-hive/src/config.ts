// Owns the command line and the environment: read once, validated once. An error names the flag, and the variable it came from.
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { readTokens, type ReadTokensOptions } from "@waggle/daemon/tokens";
import { TokenFileError, type ApiToken } from "@waggle/front/token-file";
import { exitCodeHelp } from "@waggle/protocol";
import { logFormats, logLevels } from "@waggle/telemetry";
import { usageProblem } from "@waggle/terminal";
import { Command, CommanderError } from "commander";
import { z } from "zod";

/** The same variable in which a worker keeps the token that it shows to its hive. */
const tokenVariable = "WAGGLE_HIVE_TOKEN";
/** Where the hive's tokens come from, beside its file: whoever has the variable may do everything. */
export const ownTokens = {
  variable: tokenVariable,
  rights: { admin: true, monitor: true },
} as const satisfies ReadTokensOptions;

/** Values of a flag that may be given several times stand so in its variable. */
const separator = ",";

const integer = (min: number, max: number): z.ZodType<number, string> =>
  z
    .string()
    .regex(/^\d{1,9}$/, `it must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `it must be a whole number from ${min} to ${max}`);

const path = z.string().regex(/^.{1,4096}$/, "it must be a path of 1 to 4096 characters");
const hostName = /^(\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9._-]{0,252}))$/;
const isHost = (text: string): boolean => isIP(text) > 0 || hostName.test(text.toLowerCase());
const isOrigin = (text: string): boolean =>
  /^https?:/i.test(text) && URL.canParse(text) && new URL(text).origin === text.toLowerCase();
const listOf = (isItem: (text: string) => boolean, what: string): z.ZodType<readonly string[], string> =>
  z
    .string()
    .transform((text) => text.split(separator).map((item) => item.trim().toLowerCase()))
    .refine((items) => items.every(isItem), `it must be ${what}`);

const ConfigSchema = z.object({
  port: integer(0, 65_535),
  host: z.string().refine(isHost, "it must be a host name or an IP address, without a port"),
  apiTokenFile: path.optional(),
  allowedHosts: listOf((text) => hostName.test(text), "host names without ports").optional(),
  allowedOrigins: listOf(isOrigin, "origins, such as https://hive.example.org").optional(),
  faults: z.enum(["true", "false"], "it must be true or false").transform((text) => text === "true"),
  logLevel: z.enum(logLevels, `it must be one of ${logLevels.join(", ")}`),
  logFormat: z.enum(logFormats, `it must be one of ${logFormats.join(", ")}`),
  heartbeatsKept: integer(1, 100_000),
  endpointsFile: path.optional(),
  natsUrl: z
    .string()
    .regex(/^.{1,2048}$/, "it must be a URL of 1 to 2048 characters")
    .optional(),
  natsCreds: path.optional(),
  natsInsecure: z.enum(["true", "false"], "it must be true or false").transform((text) => text === "true"),
});
type FlagValues = z.infer<typeof ConfigSchema>;

export interface HiveConfig extends FlagValues {
  /** From the variable alone. */
  readonly apiToken: string | undefined;
  /** Tokens that open the door; without any, only this machine may come in. */
  readonly apiTokens: readonly ApiToken[];
}

interface Flag {
  readonly flag: string;
  /** What stands for the value in the help; a switch has none. */
  readonly value?: string;
  /** Absent where there is none. */
  readonly fallback?: string;
  /** May be given several times. */
  readonly repeatable?: true;
  readonly help: string;
}

const flags: Readonly<Record<keyof FlagValues, Flag>> = {
  port: { flag: "--port", value: "<number>", fallback: "7700", help: "TCP port; 0 takes a free one" },
  host: { flag: "--host", value: "<address>", fallback: "127.0.0.1", help: "address to listen on" },
  apiTokenFile: {
    flag: "--api-token-file",
    value: "<path>",
    help: "file of name:token lines; monitor behind a token lets it read, admin lets it drain and remove too",
  },
  allowedHosts: {
    flag: "--allowed-host",
    value: "<name>",
    repeatable: true,
    help: "Host header to answer, without its port, repeatable; by default loopback names, with a token any",
  },
  allowedOrigins: {
    flag: "--allowed-origin",
    value: "<origin>",
    repeatable: true,
    help: "further Origin of browser pages, repeatable",
  },
  faults: {
    flag: "--faults",
    fallback: "false",
    help: "let the hive be told to misbehave towards workers, for tests",
  },
  logLevel: { flag: "--log-level", value: "<level>", fallback: "info", help: logLevels.join(", ") },
  logFormat: { flag: "--log-format", value: "<format>", fallback: "pretty", help: logFormats.join(", ") },
  heartbeatsKept: {
    flag: "--heartbeats-kept",
    value: "<number>",
    fallback: "1000",
    help: "heartbeats to remember, over all workers",
  },
  endpointsFile: {
    flag: "--endpoints-file",
    value: "<path>",
    help: "keep a list of the workers there, for llm-d's router",
  },
  natsUrl: { flag: "--nats-url", value: "<url>", help: "NATS server of a fleet to show as well, as nats://host:4222" },
  natsCreds: { flag: "--nats-creds", value: "<path>", help: "credentials file for it, as written by nsc" },
  natsInsecure: {
    flag: "--nats-insecure",
    fallback: "false",
    help: "allow a NATS server on another machine without TLS or credentials",
  },
};

/** The configuration cannot be used; the message says which flag is wrong, and why. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

export type ParsedConfig =
  | { readonly kind: "run"; readonly config: HiveConfig }
  /** `--help` or `--version`, which commander has printed. */
  | { readonly kind: "printed" };

/**
 * @param argv what follows the script's name
 * @param env each flag may stand here instead, as `WAGGLE_HIVE_…`; the flag wins, an empty variable counts as unset
 * @throws ConfigError naming every flag that is wrong
 */
export function parseConfig(argv: readonly string[], env: NodeJS.ProcessEnv): ParsedConfig {
  const program = createProgram();
  try {
    program.parse([...argv], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return { kind: "printed" };
    throw new ConfigError(usageProblem(error instanceof Error ? error.message : String(error)), { cause: error });
  }
  const options = program.opts<Record<string, string | true>>();
  const given = Object.fromEntries(
    flagEntries().flatMap(([key, flag]) => {
      const text = options[attributeOf(flag)];
      return text === undefined ? [] : [[key, String(text)]];
    }),
  ) as Partial<Record<keyof FlagValues, string>>;
  const values = Object.fromEntries(
    flagEntries().map(([key, flag]) => [key, given[key] ?? (env[variableOf(flag)] || flag.fallback)]),
  );
  const result = ConfigSchema.safeParse(values);
  if (result.success) return { kind: "run", config: withTokens(result.data, env[tokenVariable] || undefined) };
  const problems = result.error.issues.map((issue) => {
    const key = issue.path[0] as keyof FlagValues;
    const source = given[key] === undefined ? ` (from the variable ${variableOf(flags[key])})` : "";
    return `Cannot use ${flags[key].flag} ${JSON.stringify(values[key] ?? "")}${source}: ${issue.message}.`;
  });
  throw new ConfigError(problems.join("\n"));
}

/** @throws ConfigError when a token cannot be used, or there is none and others could reach the hive */
function withTokens(values: FlagValues, apiToken: string | undefined): HiveConfig {
  try {
    const apiTokens = readTokens({ apiToken, apiTokenFile: values.apiTokenFile }, ownTokens);
    const problem = apiTokens.length > 0 ? undefined : problemWithoutToken(values);
    if (problem !== undefined) throw new ConfigError(problem);
    return { ...values, apiToken, apiTokens };
  } catch (error) {
    if (error instanceof TokenFileError) throw new ConfigError(error.message, { cause: error });
    throw error;
  }
}

/** As worker and gateway have it. */
function problemWithoutToken({ host, allowedHosts = [] }: FlagValues): string | undefined {
  const setOne = `Set ${tokenVariable} or --api-token-file`;
  if (!isLoopback(host)) {
    return `Cannot use --host ${host} without a token: other machines could use it. ${setOne}, or drop --host to serve this machine only.`;
  }
  if (allowedHosts.length === 0) return undefined;
  return `Cannot use --allowed-host without a token: it lets others in under that name. ${setOne}.`;
}

function isLoopback(host: string): boolean {
  return host.toLowerCase() === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

function createProgram(): Command {
  const program = new Command("waggle-hive")
    .description("Keeps a list of workers, shows them on a page and drains them; can simulate faults for tests.")
    .version(`waggle-hive ${readVersion()}`, "--version", "print the version")
    .helpOption("-h, --help", "print this help")
    .configureOutput({ writeErr: () => {} })
    .exitOverride()
    .addHelpText("after", example);
  for (const [, flag] of flagEntries()) {
    const { value, help, fallback, repeatable } = flag;
    const notes = [...(fallback === undefined ? [] : [`default: ${fallback}`]), `variable: ${variableOf(flag)}`];
    const option = program.createOption(
      value === undefined ? flag.flag : `${flag.flag} ${value}`,
      `${help} (${notes.join("; ")})`,
    );
    if (repeatable === true) {
      option.argParser((text, before: string | undefined) => (before === undefined ? text : before + separator + text));
    }
    program.addOption(option);
  }
  return program;
}

/** Two machines and one secret; tests/hive-network.test.ts does what it says. */
const example = `
${tokenVariable} holds a token that may do everything; with it or --api-token-file all but the page and /livez ask
for one, and other machines may be let in:

  ${tokenVariable}=$SECRET waggle-hive --host 0.0.0.0                          # on the hive's machine, 192.0.2.1
  ${tokenVariable}=$SECRET waggle-worker … --hive-url http://192.0.2.1:7700    # on each worker's machine

The page is at the same address, and asks for the token.

Exit codes:
${exitCodeHelp(["ok", "badConfiguration", "unavailable", "internal"])}`;

function flagEntries(): [keyof FlagValues, Flag][] {
  return Object.entries(flags) as [keyof FlagValues, Flag][];
}

/** Where commander puts its value. */
function attributeOf({ flag }: Flag): string {
  return flag.slice(2).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function variableOf({ flag }: Flag): string {
  return `WAGGLE_HIVE_${flag.slice(2).toUpperCase().replaceAll("-", "_")}`;
}

export function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return version;
}
