// Tests `waggle tune` with real engine processes: it measures, writes settings, names mistakes, and leaves no process, also when interrupted.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { poll, withoutSettings } from "@waggle/testing/harness";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { processesWith, wagglePath } from "../support/terminal.ts";

const stories = join(import.meta.dirname, "../../models/waggle-tiny-stories.gguf");

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "waggle-tune-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const ours = (): ReturnType<typeof processesWith> => processesWith("XDG_CACHE_HOME", folder);

/** Waits for the engine's own program: until it starts, a new process shows the program of its parent, and for a moment no environment. */
const engine = () => poll("an engine", () => ours().find(({ command }) => command.includes("engine-main")));

function tune(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [wagglePath, "tune", ...argv], {
    env: { ...withoutSettings(process.env), XDG_CACHE_HOME: folder, XDG_STATE_HOME: folder, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr, closed] = [text(child.stdout), text(child.stderr), once(child, "close")];
  return {
    child,
    async ended() {
      const [code, signal] = (await closed) as [number | null, NodeJS.Signals | null];
      return { code: code ?? signal, stdout: await stdout, stderr: await stderr };
    },
  };
}

interface Measured {
  readonly name: string;
  readonly prompt_tokens_per_second: number;
  readonly one_stream_tokens_per_second: number;
  readonly all_streams_tokens_per_second: number;
  readonly rss_bytes: number;
}

describe("waggle tune", () => {
  it("measures the embedded model, and leaves no process behind", async () => {
    const { code, stdout, stderr } = await tune([stories, "--slots", "4", "--only", "batch-size", "--json"]).ended();
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("as now, measured again") as string });
    const report = JSON.parse(stdout) as { readonly slots: number; readonly variants: readonly Measured[] };
    expect(report).toMatchObject({ model: stories, slots: 4, failed: [], written: null });
    expect(report.variants.map(({ name }) => name).slice(0, 2)).toEqual(["as now", "batch of 256"]);
    for (const variant of report.variants) {
      expect(variant.one_stream_tokens_per_second).toBeGreaterThan(1);
      expect(variant.all_streams_tokens_per_second).toBeGreaterThan(1);
      expect(variant.prompt_tokens_per_second).toBeGreaterThan(1);
      expect(variant.rss_bytes).toBeGreaterThan(1e7);
    }
    // On a busy machine the reading of a whole prompt pauses, and the single steps of a stream do not: not for each variant.
    const faster = report.variants.filter((one) => one.prompt_tokens_per_second > one.one_stream_tokens_per_second);
    expect(faster).not.toEqual([]);
    expect(ours()).toEqual([]);
  });

  it("names a wrong file, a wrong option, and a settings file that cannot be parsed, without an engine", async () => {
    const config = join(folder, "w.yaml");
    writeFileSync(config, "slots: [");
    const results = await Promise.all(
      [
        [join(folder, "none.gguf")],
        [wagglePath],
        [stories, "--only", "warp"],
        [stories, "--prompt", "1"],
        [stories, "--write"],
        [stories, "--write", "--config", config],
      ].map(async (argv) => await tune(argv).ended()),
    );
    expect(results.map(({ code, stderr }) => [code, stderr])).toEqual([
      [66, expect.stringContaining("no such file")],
      [66, expect.stringContaining("not a GGUF file")],
      [64, expect.stringContaining("Cannot use --only warp")],
      [64, expect.stringContaining("Cannot use --prompt 1")],
      [64, expect.stringContaining("name the settings file with --config")],
      [64, expect.stringContaining(config)],
    ]);
    expect(readFileSync(config, "utf8")).toBe("slots: [");
  });

  it("reports an engine that fails or dies", async () => {
    const failing = await tune([stories], { WAGGLE_BACKEND: "fake", WAGGLE_FAKE_CRASH_AT_STEP: "3" }).ended();
    expect([failing.code, failing.stderr]).toEqual([1, expect.stringContaining("failed at step 3, as requested")]);

    const run = tune([stories], { WAGGLE_BACKEND: "fake", WAGGLE_FAKE_LOAD_DELAY: "1h" });
    process.kill((await engine()).pid, "SIGKILL");
    const { code, stderr } = await run.ended();
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining("The engine process ended while loading the model, with SIGKILL."),
    ]);
    expect(ours()).toEqual([]);
  });

  it("ends its engine when it is interrupted", async () => {
    const env = { WAGGLE_BACKEND: "fake", WAGGLE_FAKE_LOAD_DELAY: "1h" };
    const run = tune([stories], env);
    await engine();
    run.child.kill("SIGINT");
    expect(await run.ended()).toMatchObject({ code: 130 });
    expect(ours()).toEqual([]);
    expect(existsSync(join(folder, "w.yaml"))).toBe(false);
  });
});
