// Reads the gateway's configuration from argv, environment variables and the settings file into one validated, readonly object.
import {
  defaultName,
  describeMachine,
  frontProblems,
  logSettingsOf,
  readConfig,
  screenOf,
  withoutCredentials,
} from "@waggle/daemon";
import type { Access, ConfigResult, Environment, LogSettings, Machine, Screen } from "@waggle/daemon";
import { gatewayOptions } from "./config/gateway-options.ts";
import type { GatewayOptionValues } from "./config/gateway-options.ts";

type Computed =
  | "localMode"
  | "natsUrl"
  | "gatewayId"
  | "logLevel"
  | "logFormat"
  | "clientQueueShare"
  | "allowedHosts"
  | "allowedOrigins";

type Defined = { readonly [K in Computed]: NonNullable<GatewayOptionValues[K]> };

/** The settings by their keys in the option table. Durations are in milliseconds, sizes in bytes. */
export interface GatewayConfig extends Omit<GatewayOptionValues, Computed>, Defined, LogSettings, Access {
  readonly version: string;
  /** The status screen; undefined when a program reads stdout. */
  readonly screen: Screen | undefined;
}

/** Never throws: unusable settings give an exit with code 64 and one sentence per problem. */
export function parseConfig(
  argv: readonly string[],
  env: Environment,
  machine: Machine = describeGateway(),
): ConfigResult<GatewayConfig> {
  return readConfig(argv, env, machine, {
    table: gatewayOptions,
    help: (program) => ({
      description: "The worker's HTTP front over a fleet of workers on NATS.",
      example: gatewayOptions.drainTimeoutMs,
      examples: [
        `${program} --nats-url nats://127.0.0.1:4222`,
        `WAGGLE_API_TOKEN=… ${program} --host 0.0.0.0 --nats-url tls://nats.example.org --nats-creds gateway.creds`,
      ],
      exitCodes: ["ok", "badConfiguration", "unavailable", "internal", "abortedByInterrupt", "abortedByTermination"],
    }),
    shown: withoutCredentials,
    complete({ values, admit }) {
      const { natsUrl = "" } = values;
      const noFleet = "Cannot start without a fleet: name its NATS server with --nats-url.";
      const access = admit([...(natsUrl === "" ? [noFleet] : []), ...frontProblems(values)]);
      return {
        ...values,
        ...access,
        version: machine.version,
        natsUrl,
        gatewayId: values.gatewayId ?? defaultName("gateway", values.port, machine),
        ...logSettingsOf(values, machine),
        screen: screenOf(machine, env),
        clientQueueShare: values.clientQueueShare ?? (access.apiTokens.length > 1 ? 0.5 : 1),
        allowedHosts: values.allowedHosts ?? [],
        allowedOrigins: values.allowedOrigins ?? [],
      };
    },
  });
}

export function describeGateway(program = "waggle-gateway"): Machine {
  return describeMachine(program, new URL("../package.json", import.meta.url));
}
