import { describe, expect, it } from "vitest";
import { captureOutput } from "../testing/capture.ts";
import { createProgressView, formatProgress } from "./progress.ts";

const gib = 2 ** 30;
const half = {
  stage: "downloading",
  done_bytes: gib,
  total_bytes: 2 * gib,
  bytes_per_second: 24 * 2 ** 20,
  eta_ms: 42_700,
  part: 1,
  parts: 2,
} as const;

describe("a download", () => {
  it("is shown as a bar with bytes, rate, time left and part", () => {
    expect(formatProgress(half)).toBe(
      "████████████░░░░░░░░░░░░   50 %  1.1 GB of 2.1 GB  25.2 MB/s  43 s left  part 1 of 2",
    );
  });

  it("of unknown length is shown by its bytes", () => {
    expect(formatProgress({ stage: "downloading", done_bytes: gib })).toBe("downloading  1.1 GB");
    expect(formatProgress({ stage: "asking" })).toBe("looking up the model");
    expect(formatProgress({ stage: "loading", progress: 0.25 })).toMatch(/ 25 % {2}loading$/);
  });

  it("is one line on a terminal, cut to the terminal's width", () => {
    const output = captureOutput({ isTerminal: true, columns: 30 });
    const view = createProgressView(output);
    view.show(half);
    view.show(half);
    view.clear();
    expect(output.text()).toBe("\r\u001b[2K████████████░░░░░░░░░░░░   5…\r\u001b[2K");
  });

  it("is one line for each tenth and each stage without a terminal", () => {
    const output = captureOutput();
    const view = createProgressView(output);
    for (let i = 0; i <= 100; i++) view.show({ stage: "downloading", done_bytes: i, total_bytes: 100 });
    view.show({ stage: "checking" });
    view.show({ stage: "checking" });
    const lines = output.text().trim().split("\n");
    expect(lines).toHaveLength(12);
    expect(lines.at(0)).toContain("0 B of 100 B");
    expect(lines.at(-1)).toBe("checking the hash");
  });
});
