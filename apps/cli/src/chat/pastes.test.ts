import { describe, expect, it } from "vitest";
import { createPastes } from "./pastes.ts";

describe("a paste", () => {
  it("of one line stays as it is", () => {
    expect(createPastes().collapse("one line, [+1 line #1]")).toBe("one line, [+1 line #1]");
  });

  it("of several lines is shown as its first line and a marker, which expands to the whole text", () => {
    const pastes = createPastes();
    const code = "function f() {\r\n\treturn 1;\r\n}\n";
    const shown = pastes.collapse(code);
    expect(shown).toBe("function f() {[+3 lines #1]");
    expect(pastes.expand(`explain: ${shown} please`)).toBe("explain: function f() {\n\treturn 1;\n}\n please");
    expect(pastes.collapse("a\nb")).toBe("a[+1 line #2]");
  });

  it("is cut at control characters and at the length limit", () => {
    const pastes = createPastes();
    expect(pastes.collapse("a\tb\u001b[A")).toBe("a[+5 characters #1]");
    const long = "x".repeat(1_000);
    expect(pastes.collapse(long)).toHaveLength(200 + "[+800 characters #2]".length);
    expect(pastes.expand("[+5 characters #1][+800 characters #2]")).toBe(`\tb\u001b[A${"x".repeat(800)}`);
  });

  it("leaves text that only looks like a marker", () => {
    expect(createPastes().expand("[+3 lines #1]")).toBe("[+3 lines #1]");
  });
});
