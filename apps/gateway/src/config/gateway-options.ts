// Lists the gateway's settings. Each key is the name of the setting in `GatewayConfig`.
import {
  accessOptions,
  fileOptions,
  fleetOptions,
  frontLimitOptions,
  historyOptions,
  listenOptions,
  logOptions,
  oneOf,
  portOption,
  workerId,
} from "@waggle/daemon";
import type { OptionRows, OptionValuesOf } from "@waggle/daemon";

/** Differs from the worker's default port, so that both can run on one machine. */
const defaultPort = "7710";

export const gatewayOptions = {
  ...fileOptions,

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
    help: "unique name of this gateway",
    schema: workerId(),
    defaultText: "gateway-<hostname>-<port>",
  },
  onWorkerLoss: {
    flag: "on-worker-loss",
    value: "what",
    group: "Fleet",
    help: "resume or error: what an answer does when its worker is lost",
    schema: oneOf(["resume", "error"]),
    default: "resume",
  },

  host: listenOptions.host,
  port: portOption(defaultPort),
  advertiseUrl: { ...listenOptions.advertiseUrl, help: "URL of this gateway for other machines" },

  ...accessOptions,
  ...logOptions,
  ...historyOptions,
  ...frontLimitOptions,
} as const satisfies OptionRows;

export type GatewayOptionValues = OptionValuesOf<typeof gatewayOptions>;
