// Selects the environment variables that the private worker of a command inherits: variables about models, computation and requests.
import type { OptionRow } from "@waggle/daemon";
import { workerEnvironment } from "@waggle/client/spawn-worker";
import { optionTable } from "@waggle/worker/settings";
import type { Environment } from "../config.ts";

/** Whether a private worker inherits the settings of a group. It serves one command on this machine, so it joins nothing and opens nothing. */
const inherited: Readonly<Record<OptionRow["group"], boolean>> = {
  Model: true,
  Engine: true,
  Limits: true,
  "Fake backend": true,
  "Settings file": false,
  Network: false,
  Access: false,
  Tools: false,
  Hive: false,
  Fleet: false,
  Logs: false,
  Batches: false,
};

const names = new Set(
  Object.values<OptionRow>(optionTable)
    // The hosts of pictures concern requests, although the setting is in the group about access.
    .filter((row) => inherited[row.group] || row === optionTable.allowedMediaHosts)
    .map(({ flag }) => flag.toUpperCase().replaceAll("-", "_")),
);

export function ownEnvironment(env: Environment): Environment {
  return workerEnvironment(env, names);
}
