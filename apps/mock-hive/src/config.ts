// Reads the hive's configuration from argv, environment variables and the settings file into one validated, readonly object.
import { describeMachine, readConfig, withoutCredentials } from "@waggle/daemon";
import type { ConfigOf, ConfigResult, Environment, Machine } from "@waggle/daemon";
import { tokenVariable } from "@waggle/daemon/tokens";
import { hiveOptions, type HiveOptionValues } from "./config/hive-options.ts";

/** WAGGLE_HIVE_TOKEN has the token that workers send to the hive. In a worker's environment, WAGGLE_API_TOKEN has the worker's token. */
const tokenVariables = ["WAGGLE_HIVE_TOKEN", tokenVariable] as const;

/** The hive's settings by their keys in the option table. */
export type HiveConfig = ConfigOf<HiveOptionValues>;

/** Never throws: unusable settings give an exit with code 64 and one sentence per problem. */
export function parseConfig(
  argv: readonly string[],
  env: Environment,
  machine: Machine = describeHive(),
): ConfigResult<HiveConfig> {
  return readConfig(argv, env, machine, {
    kind: "hive",
    table: hiveOptions,
    help: (program) => ({
      description: "Keeps a list of workers, shows them on a page and drains them; can simulate faults for tests.",
      example: hiveOptions.port,
      notes: [
        "A token from a variable has all rights. The hive reads WAGGLE_HIVE_TOKEN, the token that workers send, and otherwise WAGGLE_API_TOKEN.",
      ],
      // tests/fleet/hive-network.test.ts runs these examples.
      examples: [
        program,
        `WAGGLE_HIVE_TOKEN=$SECRET ${program} --host 0.0.0.0                       # the hive's machine, 192.0.2.1`,
        "WAGGLE_HIVE_TOKEN=$SECRET waggle serve --hive-url http://192.0.2.1:7700    # each worker's machine",
      ],
      exitCodes: ["ok", "badConfiguration", "unavailable", "internal"],
    }),
    tokenVariables,
    // A token from a variable has all rights.
    tokenRights: { admin: true, monitor: true },
    shown: withoutCredentials,
    complete: ({ values, defaultId, finish }) => ({ ...values, ...finish(defaultId) }),
  });
}

export function describeHive(program = "waggle-hive"): Machine {
  return describeMachine(program, new URL("../package.json", import.meta.url));
}
