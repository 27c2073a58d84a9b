// Owns the settings of ports, access, hive, fleet and log.
import {
  accessOptions,
  baseUrl,
  boolean,
  duration,
  fleetOptions,
  integer,
  listenOptions,
  historyOptions,
  logOptions,
  portOption,
  text,
  workerId,
} from "@waggle/daemon";
import type { OptionRows } from "@waggle/daemon";
import { defaultPort } from "../well-known.ts";

export const networkOptions = {
  host: listenOptions.host,
  port: portOption(defaultPort),
  ollama: {
    flag: "ollama",
    group: "Network",
    help: "listen on Ollama's port too, for its clients",
    schema: boolean(),
    default: "false",
  },
  ollamaPort: {
    flag: "ollama-port",
    value: "n",
    group: "Network",
    help: "port for --ollama; 0 picks a free one",
    schema: integer(0, 65_535),
    default: "11434",
    advanced: true,
  },
  advertiseUrl: listenOptions.advertiseUrl,

  ...accessOptions,

  hiveUrl: {
    flag: "hive-url",
    value: "url",
    group: "Hive",
    help: "URL of the hive to register at",
    schema: baseUrl(),
    defaultText: "no hive",
  },
  hiveTokenFile: {
    flag: "hive-token-file",
    value: "path",
    group: "Hive",
    help: "file with the token for the hive; or the variable WAGGLE_HIVE_TOKEN",
    schema: text(1, 4_096),
  },
  workerId: {
    flag: "worker-id",
    value: "id",
    group: "Hive",
    help: "name of this worker",
    schema: workerId(),
    defaultText: "worker-<hostname>-<port>",
  },
  heartbeatIntervalMs: {
    flag: "heartbeat-interval",
    value: "duration",
    group: "Hive",
    help: "time between heartbeats",
    schema: duration("50ms", "1h"),
    default: "5s",
    advanced: true,
  },

  ...fleetOptions,

  ...logOptions,
  ...historyOptions,
} as const satisfies OptionRows;
