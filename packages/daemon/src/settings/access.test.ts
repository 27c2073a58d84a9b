import { describe, expect, it } from "vitest";
import { accessProblem, isLocalMode, tokenSourceOf } from "./access.ts";

const nothing = { localMode: undefined, host: "127.0.0.1" } as const;

describe("without a token", () => {
  it("is local mode, on loopback", () => {
    expect([isLocalMode(nothing, undefined), accessProblem(nothing, undefined)]).toEqual([true, undefined]);
    for (const host of ["localhost", "::1", "127.0.0.2"])
      expect(accessProblem({ ...nothing, host }, undefined)).toBeUndefined();
  });

  it.each([
    [{ ...nothing, host: "0.0.0.0" }, "Cannot use --host 0.0.0.0 without a token"],
    [{ ...nothing, host: "localhost.example.org" }, "Cannot use --host localhost.example.org without a token"],
    [{ ...nothing, host: "127.example.org" }, "Cannot use --host 127.example.org without a token"],
    [{ ...nothing, host: "192.168.0.7", localMode: true }, "Cannot use --local-mode with --host 192.168.0.7"],
    [{ ...nothing, allowedHosts: ["box.local"] }, "Cannot use --allowed-host without a token"],
    [{ ...nothing, localMode: false }, "Cannot start without local mode and without a token"],
  ])("%j is refused, with what to do", (settings, problem) => {
    expect(accessProblem(settings, undefined)).toContain(problem);
    expect(accessProblem(settings, undefined)).toMatch(/WAGGLE_API_TOKEN|an API token/);
  });

  it("additional host names need an explicit --local-mode", () => {
    expect(accessProblem({ ...nothing, localMode: true, allowedHosts: ["box.local"] }, undefined)).toBeUndefined();
  });
});

describe("with a token", () => {
  it("is network mode, at any address", () => {
    const settings = { ...nothing, host: "0.0.0.0", allowedHosts: ["llm"] };
    const source = tokenSourceOf("WAGGLE_API_TOKEN", settings);
    expect([isLocalMode(settings, source), accessProblem(settings, source)]).toEqual([false, undefined]);
  });

  it("local mode is refused, and the message names the source of the token", () => {
    const settings = { ...nothing, localMode: true, apiTokenFile: "/t" };
    expect(accessProblem(settings, tokenSourceOf("WAGGLE_API_TOKEN", settings))).toContain(
      "(WAGGLE_API_TOKEN and --api-token-file)",
    );
  });
});
