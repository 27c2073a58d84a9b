// Lists the gateway's settings. Each key is the name of the setting in `GatewayConfig`.
import {
  accessOptions,
  batchOptions,
  fileOptions,
  fleetOptions,
  frontLimitOptions,
  historyOptions,
  inGroup,
  listenOptions,
  logOptions,
  oneOf,
  setting,
  workerId,
} from "@waggle/daemon";
import type { OptionValuesOf } from "@waggle/daemon";

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
  ...inGroup("Fleet", {
    gatewayId: setting("--gateway-id <id>", workerId(), {
      help: "unique name of this gateway",
      defaultText: "gateway-<hostname>-<port>",
    }),
    onWorkerLoss: setting("--on-worker-loss <what>", oneOf(["resume", "error"]), {
      help: "resume or error: what an answer does when its worker is lost",
      default: "resume",
    }),
  }),

  ...listenOptions,
  port: { ...listenOptions.port, default: defaultPort },
  advertiseUrl: { ...listenOptions.advertiseUrl, help: "URL of this gateway for other machines" },

  ...accessOptions,
  ...logOptions,
  ...historyOptions,
  ...frontLimitOptions,
  ...batchOptions,
};

export type GatewayOptionValues = OptionValuesOf<typeof gatewayOptions>;
