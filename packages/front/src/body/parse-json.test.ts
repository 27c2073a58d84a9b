import { WaggleError, bodyLimits } from "@waggle/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseJson, shapeProblem } from "./parse-json.ts";

const { depth, values, members } = bodyLimits;

function refusal(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    expect(error).toBeInstanceOf(WaggleError);
    expect(error).toMatchObject({ code: "invalid_argument" });
    return (error as WaggleError).message;
  }
}

describe("parseJson", () => {
  it("returns the same values as JSON.parse", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 20 }), (text) => {
        expect(parseJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each([
    ["arrays", "[", "]"],
    ["objects", '{"a":', "}"],
    ["both", '[{"a":', "}]"],
  ])("refuses %s nested too deeply, before any code recurses into them", (_, open, close) => {
    const levels = open.length === 6 ? depth / 2 : depth;
    const nested = (count: number): string => `${open.repeat(count)}1${close.repeat(count)}`;
    expect(JSON.stringify(parseJson(nested(levels)))).toBe(nested(levels));
    expect(refusal(nested(levels + 1))).toMatch(/nested more than 128 levels deep, at position \d+/);
    expect(refusal(open.repeat(600_000))).toContain("nested");
  });

  it("ignores a byte order mark at the start", () => {
    expect(parseJson('\uFEFF{"a":"\uFEFF"}')).toEqual({ a: "\uFEFF" });
  });

  it("rejects too many values, and too many members of an object", () => {
    expect(parseJson(`[${"0,".repeat(values - 2)}0]`)).toHaveLength(values - 1);
    expect(refusal(`[${"0,".repeat(values - 1)}0]`)).toContain(`more than ${values} values`);
    expect(refusal(`[${"[],".repeat(values / 2)}0]`)).toContain(`more than ${values} values`);
    const record = (count: number): string =>
      `{"a":{${Array.from({ length: count }, (_, index) => `"${index}":{"b":1}`).join(",")}}}`;
    expect(parseJson(record(members))).toHaveProperty("a");
    expect(parseJson(`[${record(members)},${record(members)}]`)).toHaveLength(2);
    expect(refusal(record(members + 1))).toContain(`more than ${members} members`);
  });

  it("ignores brackets, commas and colons in strings", () => {
    const text = JSON.stringify([
      `${"[{".repeat(1_000)}"\\`,
      "\\\\",
      '\\"[',
      ":".repeat(members + 1),
      ",".repeat(values),
    ]);
    expect(parseJson(text)).toEqual(JSON.parse(text));
    expect(shapeProblem(`"${"\\".repeat(3_000_001)}`)).toBeUndefined();
  });

  it("counts the depth down when an array closes", () => {
    expect(parseJson(`[${"[[]],".repeat(1_000)}0]`)).toHaveLength(1_001);
    expect(shapeProblem("]".repeat(1_000))).toBeUndefined();
  });

  it.each(["", " \n", "{", '"', "[1,]", "nul", '{"secret": x}'])("rejects %j without quoting it", (text) => {
    expect(refusal(text)).toMatch(/^Cannot read the body: (not JSON|it is empty)/);
    expect(refusal(text)).not.toContain("secret");
  });
});
