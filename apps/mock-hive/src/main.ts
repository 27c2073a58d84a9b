// Owns the process: its configuration, its one line on stdout, its signals and its exit code.
import { createTokenTable, type TokenTable } from "@waggle/front/tokens";
import { exitCodes, WaggleError, type StdoutLine } from "@waggle/protocol";
import { createLogger, type Logger } from "@waggle/telemetry";
import { ConfigError, parseConfig, type HiveConfig, type ParsedConfig } from "./config.ts";
import { PortTakenError, startHive, type Hive } from "./server.ts";
import { reloadTokens } from "./tokens.ts";

// Whoever read the listening line may have closed the pipe since; that is no reason to stop.
process.stdout.on("error", () => {});

const parsed = readConfig();
if (parsed.kind === "run") await run(parsed.config);

function readConfig(): ParsedConfig {
  try {
    return parseConfig(process.argv.slice(2), process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`waggle-hive: ${error.message}\n`);
    process.exit(exitCodes.badConfiguration);
  }
}

async function run(config: HiveConfig): Promise<void> {
  const log = createLogger({ level: config.logLevel, format: config.logFormat, name: "waggle-hive" });
  process.on("uncaughtException", (error) => {
    log.error({ err: error }, "The hive stops: an error that nobody handled");
    process.exit(exitCodes.internal);
  });
  let table = config.apiTokens.length === 0 ? undefined : createTokenTable(config.apiTokens);
  const hive = await start(config, log, () => table);
  process.on("SIGHUP", () => (table = reloadTokens(config, log) ?? table));
  leaveOnRequest(hive, log);
  const line: StdoutLine = { type: "listening", url: hive.url, pid: process.pid };
  process.stdout.write(`${JSON.stringify(line)}\n`);
  log.info({ url: hive.url }, "listening");
}

async function start(config: HiveConfig, log: Logger, tokens: () => TokenTable | undefined): Promise<Hive> {
  try {
    return await startHive({ ...config, tokens, log });
  } catch (error) {
    if (error instanceof PortTakenError) {
      log.error(error.message);
      process.exit(exitCodes.unavailable);
    }
    if (error instanceof WaggleError) {
      log.error(error.message);
      process.exit(exitCodes.badConfiguration);
    }
    log.error(
      `Cannot listen on ${config.host}:${config.port}: ${error instanceof Error ? error.message : String(error)}`,
    );
    process.exit(exitCodes.badConfiguration);
  }
}

/** Signals, and the end of a parent that started this process with an IPC channel. The end of stdin means nothing. */
function leaveOnRequest(hive: Hive, log: Logger): void {
  let leaving = false;
  const leave = (reason: string): void => {
    if (leaving) return;
    leaving = true;
    log.info({ reason }, "stopping");
    void hive.close().then(() => process.exit(exitCodes.ok));
  };
  process.on("SIGTERM", leave);
  process.on("SIGINT", leave);
  if (process.channel) process.once("disconnect", () => leave("disconnect"));
}
