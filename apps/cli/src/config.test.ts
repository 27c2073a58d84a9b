import { expect, it } from "vitest";
import { readConfig, type CliConfig } from "./config.ts";

const entry = { path: "/waggle.js", execArgv: [] };
const read = (env: Record<string, string>): CliConfig => readConfig({ env, homeFolder: "/home/bee", entry });

it("uses the worker's default address and folders", () => {
  expect(read({})).toMatchObject({
    url: "http://127.0.0.1:7711",
    urlGiven: false,
    token: undefined,
    modelsFolder: "/home/bee/.cache/waggle/models",
    stateFolder: "/home/bee/.local/state/waggle",
    colors: true,
  });
  const env = { WAGGLE_PORT: "8000", WAGGLE_MODELS_DIR: "/m", XDG_CACHE_HOME: "/c", XDG_STATE_HOME: "/s" };
  expect(read(env)).toMatchObject({ url: "http://127.0.0.1:8000", modelsFolder: "/m", stateFolder: "/s/waggle" });
  expect(read({ XDG_CACHE_HOME: "/c", XDG_STATE_HOME: "relative" })).toMatchObject({
    modelsFolder: "/c/waggle/models",
    stateFolder: "/home/bee/.local/state/waggle",
  });
});

it("takes a worker's address and token from variables, and ignores empty ones", () => {
  expect(read({ WAGGLE_URL: "http://bee:1", WAGGLE_API_TOKEN: "secret" })).toMatchObject({
    url: "http://bee:1",
    urlGiven: true,
    token: "secret",
  });
  expect(read({ WAGGLE_URL: "", WAGGLE_API_TOKEN: "", WAGGLE_PORT: "" })).toMatchObject({
    url: "http://127.0.0.1:7711",
    urlGiven: false,
    token: undefined,
  });
});

it("NO_COLOR and a dumb terminal turn colours off", () => {
  expect(read({ NO_COLOR: "1" }).colors).toBe(false);
  expect(read({ NO_COLOR: "" }).colors).toBe(true);
  expect(read({ TERM: "dumb" }).colors).toBe(false);
});
