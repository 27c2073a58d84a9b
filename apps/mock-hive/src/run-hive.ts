// Runs the hive's process: starts the server, and stops it at a signal.
import { deferred, inBackground } from "@waggle/async";
import { runDaemon, withoutCredentials, type DaemonContext, type Departure } from "@waggle/daemon";
import type { RunProgram } from "@waggle/daemon/signals";
import { addressToOpen, machineAddress, type Banner } from "@waggle/daemon/terminal";
import { exitCodes } from "@waggle/protocol";
import { describeHive, parseConfig, type HiveConfig } from "./config.ts";
import { startHive } from "./server.ts";

export const runHive: RunProgram = async (argv, env, signals, program) => {
  await runDaemon({ configuration: parseConfig(argv, env, describeHive(program)), signals, start });
};

async function start({ config, tokens, log, screen, print }: DaemonContext<HiveConfig>): Promise<Departure> {
  const hive = await startHive({ ...config, tokens: config.localMode ? () => undefined : tokens, log });
  print({ type: "listening", url: hive.url, pid: process.pid });
  screen?.opened(bannerOf(hive.url, config));
  log.info({ url: hive.url }, "listening");
  const stopped = deferred<number>();
  let leaving = false;

  async function leave(): Promise<void> {
    leaving = true;
    log.info("stopping");
    screen?.leaving({ running: 0, limitMs: 0, interrupted: false });
    await hive.close();
    stopped.resolve(exitCodes.ok);
  }

  return {
    stopped: stopped.promise,
    drain: () => inBackground("leave", leave()),
    // The end of the parent process has the same effect as a signal. A second signal exits at once.
    abort: (code) => (leaving ? process.exit(code) : inBackground("leave", leave())),
  };
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
