import { expect, it } from "vitest";
import { logSettingsOf, screenOf } from "./terminal-facts.ts";

const both = { stdoutIsTerminal: true, stderrIsTerminal: true };
const neither = { stdoutIsTerminal: false, stderrIsTerminal: false };
const nothing = { logLevel: undefined, logFormat: undefined };

it("a pipe gets JSON lines, a terminal gets a screen, with colours unless a variable turns them off", () => {
  expect(screenOf(neither, {})).toBeUndefined();
  expect(screenOf(both, { NO_COLOR: "" })).toEqual({ colors: true });
  expect(screenOf(both, { NO_COLOR: "1" })).toEqual({ colors: false });
  expect(screenOf(both, { TERM: "dumb" })).toEqual({ colors: false });
});

it("the log shows only warnings if it shares the screen and no log level is set", () => {
  expect(logSettingsOf(nothing, both)).toEqual({ logLevel: "info", logFormat: "pretty", quietLog: true });
  expect(logSettingsOf({ ...nothing, logLevel: "info" }, both).quietLog).toBe(false);
  expect(logSettingsOf(nothing, { ...both, stderrIsTerminal: false })).toEqual({
    ...{ logLevel: "info", logFormat: "json", quietLog: false },
  });
  expect(logSettingsOf(nothing, neither).quietLog).toBe(false);
});
