// Owns every setting of the gateway, once. A key is the name that the setting has in `GatewayConfig`.
import {
  fleetOptions,
  accessOptions,
  frontLimitOptions,
  integer,
  listenOptions,
  logOptions,
  oneOf,
  workerId,
} from "@waggle/daemon";
import type { OptionRows, OptionValuesOf } from "@waggle/daemon";

/** Beside the worker's, so that both can run on one machine. */
const defaultPort = "7710";

export const gatewayOptions = {
  ...fleetOptions,
  natsUrl: {
    ...fleetOptions.natsUrl,
    help: "NATS server of the fleet, as nats://host:4222; required",
    defaultText: "none",
  },
  gatewayId: {
    flag: "gateway-id",
    value: "id",
    group: "Fleet",
    help: "name of this gateway; no other one may have it",
    schema: workerId(),
    defaultText: "gateway-<hostname>-<port>",
  },
  onWorkerLoss: {
    flag: "on-worker-loss",
    value: "what",
    group: "Fleet",
    help: "what happens to an answer that has begun when its worker is lost: resume or error",
    schema: oneOf(["resume", "error"]),
    default: "resume",
  },

  host: listenOptions.host,
  port: {
    flag: "port",
    value: "n",
    group: "Network",
    help: "port to listen on; 0 picks a free one",
    schema: integer(0, 65_535),
    default: defaultPort,
  },
  advertiseUrl: { ...listenOptions.advertiseUrl, help: "URL under which others reach this gateway" },

  ...accessOptions,
  ...logOptions,
  ...frontLimitOptions,
} as const satisfies OptionRows;

export type GatewayOptionValues = OptionValuesOf<typeof gatewayOptions>;
