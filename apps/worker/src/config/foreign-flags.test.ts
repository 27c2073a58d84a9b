// Tests the advice for other programs' flags, which names flags that exist, and that HF_ENDPOINT is read.
import { expect, test } from "vitest";
import type { ConfigResult } from "@waggle/daemon";
import { parseConfig } from "../config.ts";
import type { WorkerConfig } from "../config.ts";
import { foreignFlags } from "./foreign-flags.ts";
import { describeWorker } from "./machine.ts";
import { optionRows } from "./option-table.ts";
import { serveArguments } from "./serve-arguments.ts";

const parse = (argv: readonly string[]): ConfigResult<WorkerConfig> =>
  parseConfig(serveArguments(argv), {}, describeWorker("waggle serve"));

test.each([
  [["-m", "x.gguf"], "Unknown option '-m'. Name the file without a flag, "],
  [["--ctx-size", "4096"], "Unknown option '--ctx-size'. Use --context-size <tokens> for one job, "],
  [["--parallel=4"], "Unknown option '--parallel'. Use --slots <n>."],
  // Without the advice this prints the help, because -hf begins with -h.
  [["-hf", "user/repo"], "Unknown option '-hf'. Name the download without a flag: "],
])("%j is refused with advice", (argv, advice) => {
  expect(parse(argv)).toMatchObject({ kind: "exit", code: 64, stderr: expect.stringContaining(advice) as string });
});

test("--context is --context-size, as for waggle fit", () => {
  expect(parse(["--context", "4096", "x.gguf"])).toMatchObject({
    kind: "run",
    config: { models: [{ reference: "x.gguf" }], modelSettings: { contextSize: 4096 } },
  });
});

test("the advice names only flags that exist", () => {
  const own = new Set(optionRows.map(([, { flag }]) => `--${flag}`));
  for (const [flag, advice] of Object.entries(foreignFlags)) {
    expect(own, flag).not.toContain(flag);
    for (const [named] of advice.matchAll(/--[a-z-]+/g)) expect([...own, "--set"], flag).toContain(named);
  }
});

test("HF_ENDPOINT names the hub if no setting of Waggle does", () => {
  const hubOf = (argv: readonly string[], env: Record<string, string>, readText = (): string => ""): unknown => {
    const result = parseConfig(
      ["--local-mode", ...argv],
      { HF_ENDPOINT: "http://mirror", ...env },
      { ...describeWorker(), readText },
    );
    return result.kind === "run" ? result.config.hubUrl : result.problems;
  };
  expect(hubOf([], {})).toBe("http://mirror");
  expect(hubOf([], { WAGGLE_HUB_URL: "http://own" })).toBe("http://own");
  expect(hubOf(["--hub-url", "http://flag"], {})).toBe("http://flag");
  expect(hubOf(["--config", "/w.yaml"], {}, () => "hub-url: http://file")).toBe("http://file");
  expect(hubOf([], { HF_ENDPOINT: "mirror" })).toEqual([
    expect.stringMatching(/^Cannot use --hub-url "mirror" \(from the variable HF_ENDPOINT\)/),
  ]);
});
