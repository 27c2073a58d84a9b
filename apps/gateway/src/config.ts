// Reads the gateway's configuration from argv, environment variables and the settings file into one validated, readonly object.
import { join, resolve } from "node:path";
import { describeMachine, frontProblems, queueShareOf, readConfig, withoutCredentials } from "@waggle/daemon";
import type { ConfigOf, ConfigResult, Environment, Machine } from "@waggle/daemon";
import { gatewayOptions } from "./config/gateway-options.ts";
import type { GatewayOptionValues } from "./config/gateway-options.ts";

/** The settings by their keys in the option table. Durations are in milliseconds, sizes in bytes. */
export type GatewayConfig = ConfigOf<GatewayOptionValues, "natsUrl" | "gatewayId" | "clientQueueShare" | "batchDir">;

/** Never throws: unusable settings give an exit with code 64 and one sentence per problem. */
export function parseConfig(
  argv: readonly string[],
  env: Environment,
  machine: Machine = describeGateway(),
): ConfigResult<GatewayConfig> {
  return readConfig(argv, env, machine, {
    kind: "gateway",
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
    complete({ values, defaultId, finish }) {
      const { natsUrl = "", gatewayId = defaultId } = values;
      const noFleet = "Cannot start without a fleet: name its NATS server with --nats-url.";
      const shared = finish(gatewayId, [...(natsUrl === "" ? [noFleet] : []), ...frontProblems(values)]);
      const clientQueueShare = queueShareOf(values.clientQueueShare, shared.apiTokens);
      const batchDir = resolve(values.batchDir ?? join(shared.stateFolder, "batches"));
      return { ...values, ...shared, natsUrl, gatewayId, clientQueueShare, batchDir };
    },
  });
}

export function describeGateway(program = "waggle-gateway"): Machine {
  return describeMachine(program, new URL("../package.json", import.meta.url));
}
