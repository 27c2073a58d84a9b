// Owns the settings of the port, of who may come in, of the hive and of the log.
import {
  accessOptions,
  baseUrl,
  boolean,
  duration,
  fleetOptions,
  integer,
  listenOptions,
  logOptions,
  text,
  workerId,
} from "@waggle/daemon";
import type { OptionRows } from "@waggle/daemon";
import { defaultPort } from "./well-known.ts";

export const networkOptions = {
  host: listenOptions.host,
  port: {
    flag: "port",
    value: "n",
    group: "Network",
    help: "port to listen on; 0 picks a free one",
    schema: integer(0, 65_535),
    default: defaultPort,
  },
  ollama: {
    flag: "ollama",
    group: "Network",
    help: "listen on Ollama's port as well, so that its clients find this worker",
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
  },
  advertiseUrl: listenOptions.advertiseUrl,

  ...accessOptions,

  hiveUrl: {
    flag: "hive-url",
    value: "url",
    group: "Hive",
    help: "register there and send heartbeats",
    schema: baseUrl(),
    defaultText: "no hive",
  },
  hiveTokenFile: {
    flag: "hive-token-file",
    value: "path",
    group: "Hive",
    help: "file with the token that the hive asks for; or the variable WAGGLE_HIVE_TOKEN",
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
  },
  hiveTimeoutMs: {
    flag: "hive-timeout",
    value: "duration",
    group: "Hive",
    help: "longest wait for an answer of the hive",
    schema: duration("50ms", "1m"),
    default: "5s",
  },

  ...fleetOptions,

  ...logOptions,
} as const satisfies OptionRows;
