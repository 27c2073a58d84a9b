// Lists the hive's settings. Each key is the name of the setting in `HiveConfig`.
import { accessOptions, boolean, fileOptions, fleetOptions, integer, listenOptions, logOptions } from "@waggle/daemon";
import { portOption, text, type OptionRows, type OptionValuesOf } from "@waggle/daemon";

const defaultPort = "7700";

const { localMode, apiTokenFile, allowedHosts, allowedOrigins } = accessOptions;

export const hiveOptions = {
  ...fileOptions,
  localMode,
  host: listenOptions.host,
  port: portOption(defaultPort),

  apiTokenFile: {
    ...apiTokenFile,
    help: "file of name:token lines; monitor or admin after a token; SIGHUP reloads",
  },
  allowedHosts,
  allowedOrigins: { ...allowedOrigins, defaultText: "the hive's; in local mode this machine's" },

  heartbeatsKept: {
    flag: "heartbeats-kept",
    value: "n",
    group: "Hive",
    help: "number of heartbeats to keep, of all workers together",
    schema: integer(1, 100_000),
    default: "1000",
  },
  endpointsFile: {
    flag: "endpoints-file",
    value: "path",
    group: "Hive",
    help: "file for a list of the workers, in the format of llm-d's router",
    schema: text(1, 4_096),
  },
  faults: {
    flag: "faults",
    group: "Hive",
    help: "routes that inject faults into requests of workers, for tests",
    schema: boolean(),
    default: "false",
  },

  natsUrl: { ...fleetOptions.natsUrl, help: "NATS server of a fleet to show too, as nats://host:4222" },
  natsCreds: fleetOptions.natsCreds,
  natsInsecure: fleetOptions.natsInsecure,

  ...logOptions,
} as const satisfies OptionRows;

export type HiveOptionValues = OptionValuesOf<typeof hiveOptions>;
