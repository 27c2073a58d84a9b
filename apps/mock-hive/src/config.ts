// Owns the command line and the environment: read once, validated once. An error names the flag, and the variable it came from.
import { readFileSync } from "node:fs";
import { logFormats, logLevels } from "@waggle/telemetry";
import { Command, CommanderError } from "commander";
import { z } from "zod";

/** The hosts on which a daemon without authentication may listen. */
const loopbackHosts = ["127.0.0.1", "::1", "localhost"] as const;

const integer = (min: number, max: number): z.ZodType<number, string> =>
  z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be an integer from ${min} to ${max}`);

const ConfigSchema = z.object({
  port: integer(0, 65_535),
  host: z.enum(
    loopbackHosts,
    `the hive has no authentication, so it listens on loopback only: ${loopbackHosts.join(", ")}`,
  ),
  logLevel: z.enum(logLevels, `must be one of ${logLevels.join(", ")}`),
  logFormat: z.enum(logFormats, `must be one of ${logFormats.join(", ")}`),
  heartbeatsKept: integer(1, 100_000),
  endpointsFile: z
    .string()
    .regex(/^.{1,4096}$/, "must be a path of 1 to 4096 characters")
    .optional(),
  natsUrl: z
    .string()
    .regex(/^.{1,2048}$/, "must be a URL of 1 to 2048 characters")
    .optional(),
  natsCreds: z
    .string()
    .regex(/^.{1,4096}$/, "must be a path of 1 to 4096 characters")
    .optional(),
  natsInsecure: z.enum(["true", "false"], "must be true or false").transform((text) => text === "true"),
});
export type HiveConfig = z.infer<typeof ConfigSchema>;

interface Flag {
  readonly flag: string;
  /** What stands for the value in the help; a switch has none. */
  readonly value?: string;
  /** Absent where there is none. */
  readonly fallback?: string;
  readonly help: string;
}

const flags: Readonly<Record<keyof HiveConfig, Flag>> = {
  port: { flag: "--port", value: "<number>", fallback: "7700", help: "TCP port; 0 takes a free one" },
  host: { flag: "--host", value: "<address>", fallback: "127.0.0.1", help: "loopback address to listen on" },
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
  natsCreds: { flag: "--nats-creds", value: "<path>", help: "credentials for it, a file as nsc writes them" },
  natsInsecure: {
    flag: "--nats-insecure",
    fallback: "false",
    help: "talk to a NATS server on another machine without TLS or credentials",
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
    const reason = error instanceof CommanderError ? error.message.replace(/^error: /, "") : String(error);
    throw new ConfigError(`Cannot start: ${reason}`, { cause: error });
  }
  const given = Object.fromEntries(
    Object.entries(program.opts<Partial<Record<keyof HiveConfig, string | true>>>()).map(([key, text]) => [
      key,
      String(text),
    ]),
  ) as Partial<Record<keyof HiveConfig, string>>;
  const values = Object.fromEntries(
    flagEntries().map(([key, flag]) => [key, given[key] ?? (env[variableOf(flag)] || flag.fallback)]),
  );
  const result = ConfigSchema.safeParse(values);
  if (result.success) return { kind: "run", config: result.data };
  const problems = result.error.issues.map((issue) => {
    const key = issue.path[0] as keyof HiveConfig;
    const source = given[key] === undefined ? ` (from ${variableOf(flags[key])})` : "";
    return `Cannot use ${flags[key].flag} ${values[key]}${source}: ${issue.message}`;
  });
  throw new ConfigError(problems.join("\n"));
}

function createProgram(): Command {
  const program = new Command("waggle-hive")
    .description("A hive to test workers against: registration, heartbeats, liveness and faults on demand.")
    .version(readVersion(), "--version", "print the version")
    .helpOption("--help", "print this help")
    .configureOutput({ writeErr: () => {} })
    .exitOverride();
  for (const [, flag] of flagEntries()) {
    const { value, help, fallback } = flag;
    const notes = [...(fallback === undefined ? [] : [`default: ${fallback}`]), `variable: ${variableOf(flag)}`];
    program.option(value === undefined ? flag.flag : `${flag.flag} ${value}`, `${help} (${notes.join("; ")})`);
  }
  return program;
}

function flagEntries(): [keyof HiveConfig, Flag][] {
  return Object.entries(flags) as [keyof HiveConfig, Flag][];
}

function variableOf({ flag }: Flag): string {
  return `WAGGLE_HIVE_${flag.slice(2).toUpperCase().replaceAll("-", "_")}`;
}

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return version;
}
