import { describe, expect, it } from "vitest";
import { createSessionRegistry } from "./session-registry.ts";

describe("createSessionRegistry", () => {
  it("gives the session to the newest claim", () => {
    const sessions = createSessionRegistry();
    for (const stream of ["one", "two", "two"]) sessions.claim("s", stream);
    expect(sessions.current("s")).toBe("two");
    expect(sessions.size).toBe(1);
  });

  it("keeps the session when a superseded stream releases it late", () => {
    const sessions = createSessionRegistry();
    sessions.claim("s", "one");
    sessions.claim("s", "two");
    sessions.release("s", "one");
    expect(sessions.current("s")).toBe("two");
  });

  it("is empty once the current stream has released the session", () => {
    const sessions = createSessionRegistry();
    sessions.claim("s", "one");
    for (let i = 0; i < 2; i += 1) sessions.release("s", "one");
    expect([sessions.current("s"), sessions.size]).toEqual([undefined, 0]);
  });

  it("keeps sessions separate", () => {
    const sessions = createSessionRegistry();
    sessions.claim("s", "one");
    sessions.claim("t", "two");
    sessions.release("t", "one");
    expect([sessions.current("s"), sessions.current("t")]).toEqual(["one", "two"]);
  });
});
