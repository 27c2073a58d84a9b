import { describe, expect, it } from "vitest";
import { createSessionRegistry } from "./session-registry.ts";

describe("createSessionRegistry", () => {
  it("gives the session to the newest claim and returns the superseded stream", () => {
    const sessions = createSessionRegistry();
    expect(sessions.claim("s", "one")).toBeUndefined();
    expect(sessions.claim("s", "two")).toBe("one");
    expect(sessions.claim("s", "two")).toBeUndefined();
    expect(sessions.current("s")).toBe("two");
    expect(sessions.size).toBe(1);
  });

  it("keeps the session when a superseded stream releases it late", () => {
    const sessions = createSessionRegistry();
    sessions.claim("s", "one");
    sessions.claim("s", "two");
    expect(sessions.release("s", "one")).toBe(false);
    expect(sessions.current("s")).toBe("two");
  });

  it("is empty once the current stream has released the session; a second release returns false", () => {
    const sessions = createSessionRegistry();
    sessions.claim("s", "one");
    expect(sessions.release("s", "one")).toBe(true);
    expect(sessions.release("s", "one")).toBe(false);
    expect([sessions.current("s"), sessions.size]).toEqual([undefined, 0]);
  });

  it("keeps sessions separate", () => {
    const sessions = createSessionRegistry();
    sessions.claim("s", "one");
    expect(sessions.claim("t", "two")).toBeUndefined();
    expect(sessions.release("t", "one")).toBe(false);
    expect(sessions.current("s")).toBe("one");
  });
});
