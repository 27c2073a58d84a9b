import { describe, expect, it } from "vitest";
import { knowsTools, withoutTools } from "./generic-tools.ts";

const clock = { type: "function" as const, function: { name: "clock", description: "Tells the time." } };

describe("tools without a template for them", () => {
  it("are described before everything else, or in the system message that is there", () => {
    const user = { role: "user" as const, content: "What time is it?" };
    const [added, kept] = withoutTools([user], [clock]);
    expect(added?.role).toBe("system");
    expect(added?.content).toContain('{"name":"clock","description":"Tells the time."}');
    expect(kept).toEqual(user);
    const [joined] = withoutTools([{ role: "system", content: "Be brief." }, user], [clock]);
    expect(joined?.content).toMatch(/^Be brief\.\n\nYou can call/);
  });

  it("are called and answered in plain turns", () => {
    const calls = [{ id: "1", type: "function" as const, function: { name: "clock", arguments: { zone: "UTC" } } }];
    const turns = withoutTools(
      [
        { role: "assistant", content: "", tool_calls: calls },
        { role: "tool", content: "noon", tool_call_id: "1" },
      ],
      [],
    );
    expect(turns).toEqual([
      { role: "assistant", content: '<tool_call>{"name":"clock","arguments":{"zone":"UTC"}}</tool_call>' },
      { role: "user", content: "Result of the call: noon" },
    ]);
  });

  it("are left to templates that know them", () => {
    expect(knowsTools("{% if tools %}…{% endif %}")).toBe(true);
    expect(knowsTools("{{ messages }}")).toBe(false);
    expect(knowsTools(undefined)).toBe(false);
  });
});
