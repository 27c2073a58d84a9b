// Owns where each command's code lies: whoever wants one does not wait for the others.
import type { Run } from "./command.ts";
import type { CommandName } from "./command-table.ts";

export const commandLoaders: Readonly<Record<CommandName, () => Promise<{ readonly run: Run }>>> = {
  chat: () => import("./commands/chat.ts"),
  run: () => import("./commands/run.ts"),
  list: () => import("./commands/list.ts"),
  show: () => import("./commands/show.ts"),
  fit: () => import("./commands/fit.ts"),
  ps: () => import("./commands/ps.ts"),
  pull: () => import("./commands/pull.ts"),
  rm: () => import("./commands/rm.ts"),
  load: () => import("./commands/load.ts"),
  unload: () => import("./commands/unload.ts"),
  pin: () => import("./commands/pin.ts"),
  swap: () => import("./commands/swap.ts"),
  doctor: () => import("./commands/doctor.ts"),
  gpu: () => import("./commands/gpu.ts"),
  completion: () => import("./commands/completion.ts"),
};
