import { describe, expect, it } from "vitest";
import { ConfigError, parseConfig } from "./config.ts";

describe("parseConfig", () => {
  const defaults = {
    port: 7700,
    host: "127.0.0.1",
    logLevel: "info",
    logFormat: "pretty",
    heartbeatsKept: 1000,
    natsInsecure: false,
    faults: false,
    apiToken: undefined,
    apiTokens: [],
  };

  it("has defaults for everything", () => {
    expect(parseConfig([], {})).toEqual({ kind: "run", config: defaults });
  });

  it("takes the path of a file of endpoints", () => {
    const config = { ...defaults, endpointsFile: "/e/endpoints.yaml" };
    expect(parseConfig(["--endpoints-file", "/e/endpoints.yaml"], {})).toEqual({ kind: "run", config });
    expect(parseConfig([], { WAGGLE_HIVE_ENDPOINTS_FILE: "/e/endpoints.yaml" })).toEqual({ kind: "run", config });
  });

  it("takes a fleet", () => {
    const flags = ["--nats-url", "nats://hub", "--nats-creds", "/c", "--nats-insecure"];
    const config = { ...defaults, natsUrl: "nats://hub", natsCreds: "/c", natsInsecure: true };
    expect(parseConfig(flags, {})).toEqual({ kind: "run", config });
  });

  it("takes the network with a token, whose holder may do everything", () => {
    const flags = ["--host", "0.0.0.0", "--allowed-host", "Hive.lan", "--allowed-host", "[::1]"];
    const parsed = parseConfig(flags, { WAGGLE_HIVE_TOKEN: "open-sesame", WAGGLE_HIVE_FAULTS: "true" });
    const [apiToken, own] = ["open-sesame", { name: "default", admin: true, monitor: true }];
    expect(parsed).toMatchObject({
      config: {
        ...{ host: "0.0.0.0", allowedHosts: ["hive.lan", "[::1]"], faults: true, apiToken },
        apiTokens: [{ ...own, token: apiToken }],
      },
    });
  });

  it("takes a flag before its variable, and an empty variable as unset", () => {
    const env = { WAGGLE_HIVE_PORT: "1", WAGGLE_HIVE_LOG_LEVEL: "debug", WAGGLE_HIVE_HOST: "" };
    const config = { ...defaults, port: 0, logLevel: "debug" };
    expect(parseConfig(["--port", "0"], env)).toEqual({ kind: "run", config });
  });

  it.each([
    [["--port", "99999"], {}, 'Cannot use --port "99999": it must be a whole number from 0 to 65535'],
    [["--port", "-1"], {}, 'Cannot use --port "-1": '],
    [["--heartbeats-kept", "0"], {}, 'Cannot use --heartbeats-kept "0": '],
    [
      [],
      { WAGGLE_HIVE_HEARTBEATS_KEPT: "x" },
      'Cannot use --heartbeats-kept "x" (from the variable WAGGLE_HIVE_HEARTBEATS_KEPT): ',
    ],
    [
      ["--host", "0.0.0.0"],
      {},
      "Cannot use --host 0.0.0.0 without a token: other machines could use it. Set WAGGLE_HIVE",
    ],
    [["--allowed-host", "a"], {}, "Cannot use --allowed-host without a token: it lets others in under that name. Set"],
    [["--host", "a:80"], {}, 'Cannot use --host "a:80": it must be a host name or an IP address, without a port'],
    [["--allowed-host", "a b"], {}, 'Cannot use --allowed-host "a b": it must be host names without ports'],
    [["--allowed-origin", "x.example"], {}, 'Cannot use --allowed-origin "x.example": it must be origins'],
    [["--api-token-file", "/nowhere"], {}, "Cannot use --api-token-file /nowhere: no such file."],
    [
      [],
      { WAGGLE_HIVE_TOKEN: "short" },
      "Cannot use the variable WAGGLE_HIVE_TOKEN: a token has at least 8 characters.",
    ],
    [["--log-level", "loud"], {}, 'Cannot use --log-level "loud": it must be one of trace'],
    [["--log-format", "xml"], {}, 'Cannot use --log-format "xml": it must be one of pretty, json'],
    [["--endpoints-file", ""], {}, 'Cannot use --endpoints-file "": it must be a path of 1 to 4096 characters'],
    [
      [],
      { WAGGLE_HIVE_NATS_INSECURE: "perhaps" },
      'Cannot use --nats-insecure "perhaps" (from the variable WAGGLE_HIVE_NATS_INSECURE)',
    ],
    [["--colour"], {}, "Unknown option '--colour'"],
    [["--port"], {}, "Option '--port <number>' argument missing"],
    [["extra"], {}, "Too many arguments"],
  ])("refuses %j with %j", (argv, env, message) => {
    expect(() => parseConfig(argv, env)).toThrow(ConfigError);
    expect(() => parseConfig(argv, env)).toThrow(message);
  });

  it("names every flag that is wrong", () => {
    expect(() => parseConfig(["--port", "x", "--log-level", "y"], {})).toThrow(/--port "x".*\n.*--log-level "y"/);
  });
});
