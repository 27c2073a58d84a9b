// Runs a daemon as a process: reports wrong settings, starts the daemon, connects the signals, and sets the exit code when the daemon has ended.
import { backgroundError, systemClock, type Clock } from "@waggle/async";
import { WaggleError, exitCodes, type StdoutLine } from "@waggle/protocol";
import {
  createDayLog,
  createLogRing,
  createLogger,
  dayFolder,
  type DayLog,
  type LogRing,
  type Logger,
} from "@waggle/telemetry";
import { ListenError } from "../ports/index.ts";
import { programName, refusal, type ConfigResult, type DaemonConfig } from "../settings/read-config.ts";
import { complaint, createDaemonScreen, createOutput, createStyle, type DaemonScreen } from "../terminal/index.ts";
import { createTokenTable, reloadTokens, type TokenSources, type TokenTable } from "../tokens/index.ts";
import type { Departure } from "./departure.ts";
import type { Signals } from "./signals.ts";

/** Time from shutdown to a forced exit. A handle that keeps the event loop alive is a bug, but must not keep the process running. */
const lastResortMs = 1_000;

/** A daemon cannot start, for a reason that the user can fix. The message is a sentence with the reason. */
export class StartError extends Error {
  override readonly name = "StartError";
  readonly exitCode: number;

  constructor(message: string, exitCode: number, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** What a daemon gets from its process. */
export interface DaemonContext<C> {
  readonly config: C;
  readonly clock: Clock;
  readonly log: Logger;
  readonly logLines: Pick<LogRing, "find">;
  /** Undefined when nothing of a day is kept on disk. */
  readonly day?: DayLog | undefined;
  /** The tokens of the last reading of the token file. */
  readonly tokens: () => TokenTable;
  /** Undefined when stdout is not a terminal. */
  readonly screen?: DaemonScreen | undefined;
  /** Writes a line for programs to stdout, unless the screen has stdout. */
  readonly print: (line: StdoutLine) => void;
}

export interface DaemonProgram<C> {
  readonly configuration: ConfigResult<C>;
  readonly signals: Signals;
  /** @throws StartError, ListenError or WaggleError invalid_argument, which are reported in one line */
  readonly start: (context: DaemonContext<C>) => Promise<Departure>;
}

/** Never throws. */
export async function runDaemon<C extends DaemonConfig & TokenSources>(program: DaemonProgram<C>): Promise<void> {
  const { configuration } = program;
  if (configuration.kind === "run") return await run(configuration.config, program);
  if (configuration.stdout !== undefined) process.stdout.write(configuration.stdout);
  if (configuration.stderr !== undefined) process.stderr.write(configuration.stderr);
  leaveWith(configuration.code);
}

async function run<C extends DaemonConfig & TokenSources>(
  config: C,
  { signals, start }: DaemonProgram<C>,
): Promise<void> {
  const clock = systemClock;
  const screen =
    config.screen === undefined
      ? undefined
      : createDaemonScreen({ out: createOutput(process.stdout, config.screen.colors), clock });
  const day =
    config.historyBytes === 0
      ? undefined
      : createDayLog({
          folder: dayFolder(config.stateFolder),
          place: config.instance,
          maxBytes: config.historyBytes,
          clock,
          onBroken: (reason) => log.warn({ folder: dayFolder(config.stateFolder), reason }, "history_not_written"),
        });
  const logLines = createLogRing({ day });
  const log: Logger = createLogger({
    level: config.logLevel,
    format: config.logFormat,
    name: config.service,
    ring: logLines,
    quiet: config.quietLog,
    onLine: screen?.makeRoom,
  });
  endOnDefects(log);
  let table = createTokenTable(config.apiTokens);
  const tokens = (): TokenTable => table;

  function print(line: StdoutLine): void {
    if (screen === undefined) process.stdout.write(`${JSON.stringify(line)}\n`);
  }

  /** @returns the exit code */
  async function live(): Promise<number> {
    try {
      const daemon = await start({ config, clock, log, logLines, day, tokens, screen, print });
      signals.connect({
        onDrain: daemon.drain,
        onAbort: daemon.abort,
        onReload() {
          table = reloadTokens(config, log) ?? table;
        },
      });
      return await daemon.stopped;
    } finally {
      screen?.stopped();
    }
  }

  // The last lines say why the process ends.
  process.on("exit", () => day?.flushNow());

  leaveWith(await live().catch((error: unknown) => startFailed(error, config, log)));
}

/** An error that no code catches ends the process, with its reason in the log. Work in the background fails alone. */
function endOnDefects(log: Logger): void {
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      // By name: a build may have the class more than once.
      if (error instanceof Error && error.name === backgroundError)
        return log.error({ err: error }, "background_work_failed");
      log.fatal({ err: error }, event);
      process.exit(exitCodes.internal);
    });
  }
}

/**
 * Writes why the program could not start, in one line on stderr; the details of an unexpected error go to the log. @returns the exit code for this kind of error
 */
function startFailed(error: unknown, { program, screen }: DaemonConfig, log: Logger): number {
  const code = daemonExitCode(error);
  if (code === undefined || !(error instanceof Error)) {
    log.fatal({ err: error }, `Cannot start ${program}.`);
    const words = "Cannot start because of an unexpected error. The last line of the log has the details.";
    process.stderr.write(complaint(programName(program), words, createStyle(screen?.colors === true)));
    return exitCodes.internal;
  }
  const style = createStyle(screen?.colors === true);
  // A wrong setting that was found only at its use is reported like settings that are refused at the start.
  if (code === exitCodes.badConfiguration) process.stderr.write(refusal(program, [error.message], style));
  else process.stderr.write(complaint(programName(program), error.message, style));
  return code;
}

function daemonExitCode(error: unknown): number | undefined {
  if (error instanceof StartError) return error.exitCode;
  if (error instanceof ListenError) return exitCodes.unavailable;
  return error instanceof WaggleError && error.code === "invalid_argument" ? exitCodes.badConfiguration : undefined;
}

function leaveWith(code: number): void {
  process.exitCode = code;
  if (process.connected) process.disconnect();
  setTimeout(() => process.exit(code), lastResortMs).unref();
}
