import { optionTable } from "@waggle/worker/settings";
import { variableOf, type OptionRow } from "@waggle/daemon";
import { expect, it } from "vitest";
import { ownEnvironment } from "./own-environment.ts";

it("passes on variables for finding, loading and computing a model", () => {
  const env = {
    PATH: "/bin",
    HOME: "/home/bee",
    XDG_CACHE_HOME: "/cache",
    HF_TOKEN: "hf_secret",
    CUDA_VISIBLE_DEVICES: "0",
    LD_LIBRARY_PATH: "/opt/cuda",
    NODE_EXTRA_CA_CERTS: "/ca.pem",
    WAGGLE_MODEL: "bee.gguf",
    WAGGLE_MODELS_DIR: "/models",
    WAGGLE_OFFLINE: "1",
    WAGGLE_CONTEXT_SIZE: "4096",
    WAGGLE_CONTEXT_POOL: "9000",
    WAGGLE_HUB_URL: "http://mirror",
    HF_ENDPOINT: "http://mirror",
    WAGGLE_ALLOW_MEDIA_FROM: "pictures.example",
    WAGGLE_CACHE_TYPE_K: "q8_0",
    WAGGLE_BACKEND: "fake",
    WAGGLE_FAKE_STEP_DELAY: "10",
    WAGGLE_MAX_BODY: "64MiB",
  };
  expect(ownEnvironment(env)).toEqual(env);
});

it("inherits each setting, except settings of a service", () => {
  const own = Object.values<OptionRow>(optionTable)
    .filter((row) => ownEnvironment({ [variableOf(row)]: "1" })[variableOf(row)] === undefined)
    .map(({ flag }) => flag);
  expect(own.toSorted()).toEqual(
    [
      "config",
      ...["host", "port", "ollama", "ollama-port", "advertise-url"],
      ...["local-mode", "api-token-file", "allowed-host", "allowed-origin", "open-metrics"],
      ...["mcp-config", "mcp-journal-dir", "mcp-steps", "mcp-call-timeout", "mcp-turn-timeout"],
      ...["hive-url", "hive-token-file", "worker-id", "heartbeat-interval"],
      ...["nats-url", "nats-creds", "nats-insecure", "log-level", "log-format", "history-size"],
      ...["batch-dir", "batch-window"],
    ].toSorted(),
  );
});

it("passes on no network settings of a worker, and no unknown variable", () => {
  const env = {
    WAGGLE_NATS_URL: "nats://127.0.0.1:4222",
    WAGGLE_NATS_CREDS: "/worker.creds",
    WAGGLE_NATS_INSECURE: "1",
    WAGGLE_WORKER_ID: "bee",
    WAGGLE_HIVE_URL: "http://127.0.0.1:7700",
    WAGGLE_HIVE_TOKEN: "secret",
    WAGGLE_API_TOKEN: "secret",
    WAGGLE_PORT: "7711",
    WAGGLE_CONFIG: "/waggle.yaml",
    WAGGLE_SOMETHING_NEW: "1",
    AWS_SECRET_ACCESS_KEY: "secret",
  };
  expect(ownEnvironment(env)).toEqual({});
});
