// Owns the process: its configuration, its one line on stdout, its signals and its exit code.
import { systemClock } from "@waggle/async";
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

// Whoever read the listening line may have closed the pipe since; that is no reason to stop.
process.stdout.on("error", () => {});

const parsed = readConfig();
if (parsed.kind === "run") await run(parsed.config);

function readConfig(): ParsedConfig {
  try {
    return parseConfig(process.argv.slice(2), process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    refuse(error.message.split("\n"));
  }
}

async function run(config: HiveConfig): Promise<void> {
  const screen = openScreen();
  const { logLevel, logFormat } = config;
  const quiet = screen !== undefined && process.stderr.isTTY && !asksForLog();
  const log = createLogger({ level: logLevel, format: logFormat, name: "waggle-hive", quiet });
  process.on("uncaughtException", (error) => {
    log.error({ err: error }, "The hive stops: an error that nobody handled");
    process.exit(exitCodes.internal);
  });
  let table = config.apiTokens.length === 0 ? undefined : createTokenTable(config.apiTokens);
  const hive = await start(config, log, () => table);
  process.on("SIGHUP", () => (table = reloadTokens(config, log, ownTokens) ?? table));
  leaveOnRequest(hive, log, () => screen?.leaving({ running: 0, limitMs: 0, interrupted: false }));
  const line: StdoutLine = { type: "listening", url: hive.url, pid: process.pid };
  if (screen === undefined) process.stdout.write(`${JSON.stringify(line)}\n`);
  else screen.opened(bannerOf(hive.url, config));
  log.info({ url: hive.url }, "listening");
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
function openScreen(): DaemonScreen | undefined {
  if (!process.stdout.isTTY) return undefined;
  const colors = (process.env["NO_COLOR"] ?? "") === "" && process.env["TERM"] !== "dumb";
  return createDaemonScreen({ out: createOutput(process.stdout, colors), clock: systemClock });
}

function asksForLog(): boolean {
  const flag = process.argv.some((word) => /^--log-level(?:=|$)/.test(word));
  return flag || (process.env["WAGGLE_HIVE_LOG_LEVEL"] ?? "") !== "";
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

/** Signals, and the end of a parent that started this process with an IPC channel. The end of stdin means nothing. */
function leaveOnRequest(hive: Hive, log: Logger, tell: () => void): void {
  let leaving = false;
  const leave = (reason: string): void => {
    if (leaving) return;
    leaving = true;
    log.info({ reason }, "stopping");
    tell();
    void hive.close().then(() => process.exit(exitCodes.ok));
  };
  process.on("SIGTERM", leave);
  process.on("SIGINT", leave);
  if (process.channel) process.once("disconnect", () => leave("disconnect"));
}
