import { createLogger } from "@waggle/telemetry";
import { describe, expect, it } from "vitest";
import { createDownloadProgress } from "./download-progress.ts";

function setUp(onTerminal: boolean) {
  const lines: string[] = [];
  const drawn: string[] = [];
  const log = createLogger({
    level: "info",
    format: "json",
    name: "t",
    destination: { write: (line: string) => void lines.push(line) },
  });
  const terminal = onTerminal ? { write: (text: string) => drawn.push(text) } : undefined;
  return { lines, drawn, progress: createDownloadProgress({ model: "hf:a/b:Q4", log, terminal }) };
}

describe("a download's progress", () => {
  it("is a bar on one line of a terminal", () => {
    const { drawn, lines, progress } = setUp(true);
    for (const value of [0, 0.5, 1]) progress(value);
    expect(drawn[1]).toBe(`\r  ${"█".repeat(15)}${"░".repeat(15)}  50 %  hf:a/b:Q4`);
    expect(drawn.map((text) => text.endsWith("\n"))).toEqual([false, false, true]);
    expect(lines).toEqual([]);
  });

  it("is the number of bytes if the size is unknown", () => {
    const { drawn, progress } = setUp(true);
    progress(0, 12_345_678);
    expect(drawn).toEqual(["\r  12.3 MB  hf:a/b:Q4"]);
  });

  it("is a log line for each tenth without a terminal", () => {
    const { lines, progress } = setUp(false);
    for (let percent = 0; percent <= 100; percent += 1) progress(percent / 100);
    expect(lines.length).toBeGreaterThanOrEqual(10);
    expect(lines.length).toBeLessThanOrEqual(12);
    expect(lines.at(-1)).toContain('"percent":100');
  });
});
