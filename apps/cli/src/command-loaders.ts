// Loads the code of a command when the command runs, so that no command loads the code of the others. At the
// start only types are imported.
import type { StartProgram } from "@waggle/daemon/signals";
import type { CommandSpec, Run } from "./command.ts";
import type { CommandName, DaemonName } from "./command-table.ts";

export const commandLoaders: Readonly<Record<CommandName, () => Promise<{ readonly run: Run }>>> = {
  chat: () => import("./commands/chat.ts"),
  run: () => import("./commands/run.ts"),
  decide: () => import("./decide/decide.ts"),
  batch: () => import("./batch/batch.ts"),
  launch: () => import("./launch/launch.ts"),
  list: () => import("./commands/list.ts"),
  show: () => import("./commands/show.ts"),
  fit: () => import("./commands/fit.ts"),
  ps: () => import("./commands/ps.ts"),
  jobs: () => import("./operate/jobs.ts"),
  cancel: () => import("./operate/cancel.ts"),
  usage: () => import("./operate/usage.ts"),
  logs: () => import("./operate/logs.ts"),
  drain: () => import("./operate/drain.ts"),
  pull: () => import("./commands/pull.ts"),
  rm: () => import("./commands/rm.ts"),
  load: () => import("./commands/load.ts"),
  unload: () => import("./commands/unload.ts"),
  pin: () => import("./commands/pin.ts"),
  swap: () => import("./commands/swap.ts"),
  doctor: () => import("./commands/doctor.ts"),
  gpu: () => import("./commands/gpu.ts"),
};

/** Runs a daemon in this process. The daemon listens for signals first, and sets the exit code at the end. */
export const daemons: Readonly<Record<DaemonName, StartProgram>> = {
  serve: async (process, words, env) => {
    // A script or a service that starts a worker gets no question.
    const isAsked = process.stdin.isTTY && process.stdout.isTTY;
    const chosen = isAsked ? await (await import("./serve-question.ts")).questionedWords(process, words, env) : words;
    await (await import("@waggle/worker")).serve(process, chosen, env);
  },
  gateway: async (...start) => (await import("@waggle/gateway")).gateway(...start),
  hive: async (...start) => (await import("@waggle/mock-hive")).hive(...start),
};

/** The command with its settings among its options. */
export async function withSettings(spec: CommandSpec): Promise<CommandSpec> {
  if (spec.settings === undefined) return spec;
  const { optionTable } = await import("@waggle/worker/settings");
  const settings = spec.settings.map((name) => optionTable[name]).map(({ flags, help }) => ({ flags, help }));
  return { ...spec, options: [...settings, ...(spec.options ?? [])] };
}
