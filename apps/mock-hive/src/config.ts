// Reads the hive's configuration from argv, environment variables and the settings file into one validated, readonly object.
import {
  defaultName,
  describeMachine,
  logSettingsOf,
  readConfig,
  readTraceSettings,
  screenOf,
  withoutCredentials,
} from "@waggle/daemon";
import type { Access, ConfigResult, Environment, LogSettings, Machine, Screen, TraceConfig } from "@waggle/daemon";
import { tokenVariable, type ReadTokensOptions } from "@waggle/daemon/tokens";
import { hiveOptions, type HiveOptionValues } from "./config/hive-options.ts";

/** WAGGLE_HIVE_TOKEN has the token that workers send to the hive. In a worker's environment, WAGGLE_API_TOKEN has the worker's token. */
const tokenVariables = ["WAGGLE_HIVE_TOKEN", tokenVariable] as const;
/** A token from a variable has all rights. */
export const tokenRights = { admin: true, monitor: true } as const satisfies ReadTokensOptions["rights"];

type Computed = "localMode" | "logLevel" | "logFormat" | "allowedHosts" | "allowedOrigins";
type Defined = { readonly [K in Computed]: NonNullable<HiveOptionValues[K]> };

/** The hive's settings by their keys in the option table. */
export interface HiveConfig extends Omit<HiveOptionValues, Computed>, Defined, LogSettings, Access {
  readonly version: string;
  /** The status screen; undefined when a program reads stdout. */
  readonly screen: Screen | undefined;
  readonly traces: TraceConfig;
}

/** Never throws: unusable settings give an exit with code 64 and one sentence per problem. */
export function parseConfig(
  argv: readonly string[],
  env: Environment,
  machine: Machine = describeHive(),
): ConfigResult<HiveConfig> {
  return readConfig(argv, env, machine, {
    table: hiveOptions,
    help: (program) => ({
      description: "Keeps a list of workers, shows them on a page and drains them; can simulate faults for tests.",
      example: hiveOptions.port,
      notes: [
        "A token from a variable has all rights. The hive reads WAGGLE_HIVE_TOKEN, the token that workers send,",
        "and otherwise WAGGLE_API_TOKEN.",
        "The older variables WAGGLE_HIVE_…, such as WAGGLE_HIVE_PORT, are accepted too, and override the shared",
        "variables, such as WAGGLE_PORT.",
      ],
      // tests/hive-network.test.ts runs these examples.
      examples: [
        program,
        `WAGGLE_HIVE_TOKEN=$SECRET ${program} --host 0.0.0.0                       # the hive's machine, 192.0.2.1`,
        "WAGGLE_HIVE_TOKEN=$SECRET waggle serve --hive-url http://192.0.2.1:7700    # each worker's machine",
      ],
      exitCodes: ["ok", "badConfiguration", "unavailable", "internal"],
    }),
    tokenVariables,
    tokenRights,
    shown: withoutCredentials,
    complete({ values, variable, admit }) {
      const access = admit([]);
      const { version } = machine;
      return {
        ...values,
        ...access,
        version,
        ...logSettingsOf(values, machine),
        screen: screenOf(machine, env),
        allowedHosts: values.allowedHosts ?? [],
        allowedOrigins: values.allowedOrigins ?? [],
        traces: readTraceSettings(variable, {
          name: "waggle-hive",
          version,
          instance: defaultName("hive", values.port, machine),
        }),
      };
    },
  });
}

export function describeHive(program = "waggle-hive"): Machine {
  return describeMachine(program, new URL("../package.json", import.meta.url));
}
