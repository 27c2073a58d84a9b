// Tests the scopes in which jobs share prefixes and guesses.
import { expect, test } from "vitest";
import type { JobOwner, JobSpec } from "../job/job-spec.ts";
import { engineJobOf } from "./engine-job.ts";

function guessScopeOf(who: Omit<JobOwner, "trace">): string | undefined {
  const spec: JobSpec = {
    model: "m",
    who: { ...who, trace: "t" },
    when: { priority: 0, onDisconnect: "cancel", direct: true },
    work: { kind: "embed", texts: ["x"] },
  };
  return engineJobOf("j", spec).guessScope;
}

test("jobs of one API token share guesses, in all its sessions", () => {
  expect(guessScopeOf({ client: "alice" })).toBe("alice");
  expect(guessScopeOf({ client: "alice", sessionId: "s" })).toBe("alice");
  expect(guessScopeOf({ client: "bob", sessionId: "s" })).toBe("bob");
});

test("in local mode only jobs of one session share guesses, at a worker and behind a gateway", () => {
  expect(guessScopeOf({ client: "local" })).toBeUndefined();
  const session = guessScopeOf({ client: "local", sessionId: "alice" });
  expect(session).toBeDefined();
  expect(guessScopeOf({ client: "local", cacheSession: "alice" }), "the gateway keeps the order of sessions").toBe(
    session,
  );
  expect(guessScopeOf({ client: "local", sessionId: "bob" })).not.toBe(session);
  expect(session, "the scope of a token with the session's name").not.toBe("alice");
});
