import { expect, it } from "vitest";
import { logSettingsOf, screenOf } from "./terminal-facts.ts";

const both = { stdoutIsTerminal: true, stderrIsTerminal: true };
const neither = { stdoutIsTerminal: false, stderrIsTerminal: false };
const nothing = { logLevel: undefined, logFormat: undefined };

it("a program gets lines for machines, a person a screen, and colours unless they are not wanted", () => {
  expect(screenOf(neither, {})).toBeUndefined();
  expect(screenOf(both, { NO_COLOR: "" })).toEqual({ colors: true });
  expect(screenOf(both, { NO_COLOR: "1" })).toEqual({ colors: false });
  expect(screenOf(both, { TERM: "dumb" })).toEqual({ colors: false });
});

it("the log is quiet where it shares the screen and nobody asked for it", () => {
  expect(logSettingsOf(nothing, both)).toEqual({ logLevel: "info", logFormat: "pretty", quietLog: true });
  expect(logSettingsOf({ ...nothing, logLevel: "info" }, both).quietLog).toBe(false);
  expect(logSettingsOf(nothing, { ...both, stderrIsTerminal: false })).toEqual({
    ...{ logLevel: "info", logFormat: "json", quietLog: false },
  });
  expect(logSettingsOf(nothing, neither).quietLog).toBe(false);
});
