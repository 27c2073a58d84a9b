import { describe, expect, it } from "vitest";
import type { CaseVerdict } from "./check-template.ts";
import { formatsReport } from "./verdict.ts";

/** So many cases, of which the first so many are not read. */
function cases(template: string, total: number, failed: number, wholeOnly = false): CaseVerdict[] {
  return Array.from({ length: total }, (_, i) => {
    const fails = i < failed;
    const verdict = { name: `${template}:${i}`, template, whole: !fails || wholeOnly, byCharacters: !fails };
    return fails ? { ...verdict, reason: "came as something else" } : verdict;
  });
}

describe("formatsReport", () => {
  it("passes where all bars are held, and names what failed", () => {
    const { ok, text } = formatsReport([...cases("many", 95, 1), ...cases("few", 4, 1), ...cases("five", 5, 1)]);
    expect(ok).toBe(true);
    expect(text.replaceAll(/ +/g, " ")).toBe(
      [
        "template whole by characters cases",
        ...["few 3 3 4", "five 4 4 5", "many 94 94 95", "all 101 101 104", ""],
        ...["many", "few", "five"].map((name) => `✗ ${name}:0: came as something else`),
        "PASSED\n",
      ].join("\n"),
    );
  });

  it.each([
    ["all", [...cases("a", 20, 1), ...cases("b", 20, 1)]],
    ["all", [...cases("a", 20, 2, true), ...cases("b", 20, 0)]],
    ["few", [...cases("few", 4, 2), ...cases("many", 100, 0)]],
    ["ten", [...cases("ten", 10, 3), ...cases("many", 100, 0)]],
  ])("fails where too few of %s are read", (name, verdicts) => {
    const { ok, text } = formatsReport(verdicts);
    expect(ok).toBe(false);
    expect(text).toContain(`✗ ${name}: too few are read rightly`);
    expect(text.endsWith("FAILED\n")).toBe(true);
  });
});
