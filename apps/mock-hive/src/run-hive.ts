// Runs the hive's process: starts the server from its configuration, and exits at a signal.
import { systemClock } from "@waggle/async";
import {
  endOnDefects,
  leaveWith,
  startFailed,
  startTraces,
  withoutCredentials,
  type Environment,
} from "@waggle/daemon";
import type { Signals } from "@waggle/daemon/signals";
import { addressToOpen, createDaemonScreen, createOutput, machineAddress, type Banner } from "@waggle/daemon/terminal";
import { createTokenTable, reloadTokens } from "@waggle/daemon/tokens";
import { exitCodes, type StdoutLine } from "@waggle/protocol";
import { createLogger } from "@waggle/telemetry";
import { describeHive, parseConfig, tokenRights, type HiveConfig } from "./config.ts";
import { startHive } from "./server.ts";

/** @param program name of the command, for help and error texts */
export async function runHive(
  argv: readonly string[],
  env: Environment,
  signals: Signals,
  program = "waggle-hive",
): Promise<void> {
  const result = parseConfig(argv, env, describeHive(program));
  if (result.kind === "run") return await run(result.config, signals, program);
  if (result.stdout !== undefined) process.stdout.write(result.stdout);
  if (result.stderr !== undefined) process.stderr.write(result.stderr);
  leaveWith(result.code);
}

async function run(config: HiveConfig, signals: Signals, program: string): Promise<void> {
  const screen =
    config.screen === undefined
      ? undefined
      : createDaemonScreen({ out: createOutput(process.stdout, config.screen.colors), clock: systemClock });
  const log = createLogger({
    quiet: config.quietLog,
    onLine: screen?.makeRoom,
    level: config.logLevel,
    format: config.logFormat,
    name: "waggle-hive",
  });
  endOnDefects(log);
  let table = config.apiTokens.length === 0 ? undefined : createTokenTable(config.apiTokens);
  try {
    const tracing = await startTraces({ config, log, clock: systemClock });
    const hive = await startHive({ ...config, tokens: () => table, log, traces: tracing?.traces });
    const line: StdoutLine = { type: "listening", url: hive.url, pid: process.pid };
    if (screen === undefined) process.stdout.write(`${JSON.stringify(line)}\n`);
    else screen.opened(bannerOf(hive.url, config));
    log.info({ url: hive.url }, "listening");
    let leaving = false;
    const leave = async (): Promise<void> => {
      leaving = true;
      log.info("stopping");
      screen?.leaving({ running: 0, limitMs: 0, interrupted: false });
      await hive.close();
      await tracing?.stop();
      process.exit(exitCodes.ok);
    };
    signals.connect({
      onDrain: () => void leave(),
      // The end of the parent process has the same effect as a signal. A second signal exits at once.
      onAbort: (code) => (leaving ? process.exit(code) : void leave()),
      onReload: () => {
        table = reloadTokens(config, log, { rights: tokenRights }) ?? table;
      },
    });
  } catch (error) {
    leaveWith(startFailed(error, { program, screen: config.screen, log }));
  }
}

function bannerOf(url: string, { version, apiTokens, natsUrl, allowedHosts }: HiveConfig): Banner {
  const open = addressToOpen({ url, names: allowedHosts, machine: machineAddress() });
  return {
    title: `Waggle hive ${version}`,
    rows: [
      ["Open", open],
      ["Mode", apiTokens.length === 0 ? "this machine only, no token" : "network mode: a token is needed"],
      ...(natsUrl === undefined ? [] : [["Fleet", withoutCredentials(natsUrl)] as const]),
    ],
    more: [["Workers", `${apiTokens.length === 0 ? "" : "WAGGLE_HIVE_TOKEN=<token> "}waggle serve --hive-url ${open}`]],
  };
}
