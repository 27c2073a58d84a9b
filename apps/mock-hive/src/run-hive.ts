// Owns the hive as a process: its configuration, its one line on stdout, how it leaves, and its exit code.
import { systemClock } from "@waggle/async";
import type { Signals } from "@waggle/daemon/signals";
import { reloadTokens } from "@waggle/daemon/tokens";
import { createTokenTable, type TokenTable } from "@waggle/front/tokens";
import { exitCodes, WaggleError, type StdoutLine } from "@waggle/protocol";
import { createLogger, type Logger } from "@waggle/telemetry";
import {
  addressToOpen,
  complaint,
  createDaemonScreen,
  createOutput,
  machineAddress,
  sentence,
  type Banner,
  type DaemonScreen,
} from "@waggle/terminal";
import { ConfigError, ownTokens, parseConfig, readVersion, type HiveConfig, type ParsedConfig } from "./config.ts";
import { ListenError, startHive, type Hive } from "./server.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export async function runHive(argv: readonly string[], env: Environment, signals: Signals): Promise<void> {
  const parsed = readConfig(argv, env);
  if (parsed.kind === "run") await run(parsed.config, { argv, env, signals });
}

function readConfig(argv: readonly string[], env: Environment): ParsedConfig {
  try {
    return parseConfig(argv, env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    refuse(error.message.split("\n"));
  }
}

interface Started {
  readonly argv: readonly string[];
  readonly env: Environment;
  readonly signals: Signals;
}

async function run(config: HiveConfig, { argv, env, signals }: Started): Promise<void> {
  const screen = openScreen(env);
  const { logLevel, logFormat } = config;
  const quiet = screen !== undefined && process.stderr.isTTY && !asksForLog(argv, env);
  const log = createLogger({ level: logLevel, format: logFormat, name: "waggle-hive", quiet });
  process.on("uncaughtException", (error) => {
    log.error({ err: error }, "The hive stops: an error that nobody handled");
    process.exit(exitCodes.internal);
  });
  let table = config.apiTokens.length === 0 ? undefined : createTokenTable(config.apiTokens);
  const hive = await start(config, log, () => table);
  const line: StdoutLine = { type: "listening", url: hive.url, pid: process.pid };
  if (screen === undefined) process.stdout.write(`${JSON.stringify(line)}\n`);
  else screen.opened(bannerOf(hive.url, config));
  log.info({ url: hive.url }, "listening");
  let leaving = false;
  function leave(): void {
    leaving = true;
    log.info("stopping");
    screen?.leaving({ running: 0, limitMs: 0, interrupted: false });
    void hive.close().then(() => process.exit(exitCodes.ok));
  }
  signals.connect({
    onDrain: leave,
    // A parent that is gone has it leave as a signal does; a second signal does not wait.
    onAbort: (code) => (leaving ? process.exit(code) : leave()),
    onReload: () => {
      table = reloadTokens(config, log, ownTokens) ?? table;
    },
  });
}

async function start(config: HiveConfig, log: Logger, tokens: () => TokenTable | undefined): Promise<Hive> {
  try {
    return await startHive({ ...config, tokens, log });
  } catch (error) {
    if (error instanceof ListenError) fail([error.message], exitCodes.unavailable);
    if (error instanceof WaggleError) refuse([error.message]);
    log.fatal({ err: error }, "Cannot start waggle-hive.");
    process.exit(exitCodes.internal);
  }
}

/** A line for each setting that is wrong. */
function refuse(problems: readonly string[]): never {
  const more = `${sentence(problems.at(-1) ?? "")} (waggle-hive --help says more.)`;
  fail([...problems.slice(0, -1), more], exitCodes.badConfiguration);
}

function fail(lines: readonly string[], code: number): never {
  for (const line of lines) process.stderr.write(complaint("waggle-hive", line));
  process.exit(code);
}

/** Where a person watches; a program reads the JSON line. https://no-color.org for the colours. */
function openScreen(env: Environment): DaemonScreen | undefined {
  if (!process.stdout.isTTY) return undefined;
  const colors = (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
  return createDaemonScreen({ out: createOutput(process.stdout, colors), clock: systemClock });
}

function asksForLog(argv: readonly string[], env: Environment): boolean {
  const flag = argv.some((word) => /^--log-level(?:=|$)/.test(word));
  return flag || (env["WAGGLE_HIVE_LOG_LEVEL"] ?? "") !== "";
}

function bannerOf(url: string, { apiTokens, natsUrl, allowedHosts = [] }: HiveConfig): Banner {
  const open = addressToOpen({ url, names: allowedHosts, machine: machineAddress() });
  return {
    title: `Waggle hive ${readVersion()}`,
    rows: [
      ["Open", open],
      ["Mode", apiTokens.length === 0 ? "this machine only, no token" : "network mode: a token is needed"],
      ...(natsUrl === undefined ? [] : [["Fleet", natsUrl.replace(/\/\/[^@/]*@/g, "//")] as const]),
    ],
    more: [["Workers", `${apiTokens.length === 0 ? "" : "WAGGLE_HIVE_TOKEN=<token> "}waggle serve --hive-url ${open}`]],
  };
}
