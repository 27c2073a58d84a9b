// Lists the hive's settings. Each key is the name of the setting in `HiveConfig`.
import { accessOptions, boolean, fileOptions, fleetOptions, listenOptions, logOptions } from "@waggle/daemon";
import { inGroup, setting, type OptionValuesOf } from "@waggle/daemon";

const defaultPort = "7700";

const { localMode, apiTokenFile, allowedHosts, allowedOrigins } = accessOptions;

export const hiveOptions = {
  ...fileOptions,
  localMode,
  host: listenOptions.host,
  port: { ...listenOptions.port, default: defaultPort },

  apiTokenFile: {
    ...apiTokenFile,
    help: "file of name:token lines; monitor or admin after a token; SIGHUP reloads",
  },
  allowedHosts,
  allowedOrigins: { ...allowedOrigins, defaultText: "the hive's; in local mode this machine's" },

  ...inGroup("Hive", {
    faults: setting("--faults", boolean(), {
      help: "routes that inject faults into requests of workers, for tests",
      default: "false",
    }),
  }),

  ...fleetOptions,
  natsUrl: { ...fleetOptions.natsUrl, help: "NATS server of a fleet to show too, as nats://host:4222" },

  ...logOptions,
};

export type HiveOptionValues = OptionValuesOf<typeof hiveOptions>;
