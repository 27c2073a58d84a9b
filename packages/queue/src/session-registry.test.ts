import { expect, test } from "vitest";
import { createSessionRegistry, type SessionStream } from "./session-registry.ts";

/** Runs commands such as `2?` (an unchecked stream with ticket 2 enters), `3!` (a checked one), `2+` (is checked) and `1-` (ends). */
function run(commands: string): string {
  const sessions = createSessionRegistry();
  const streams = new Map<string, SessionStream>();
  const happened: string[] = [];
  for (const [ticket = "", what] of commands.split(" ").map((command) => [...command])) {
    let waits = sessions.older("s", Number(ticket)).length > 0;
    const stream = streams.get(ticket) ?? {
      ticket: Number(ticket),
      get waits() {
        return waits;
      },
      supersede: () => void happened.push(`end ${ticket}`),
      proceed() {
        waits = false;
        happened.push(`run ${ticket}`);
      },
    };
    streams.set(ticket, stream);
    if (what === "-") sessions.leave("s", stream, true);
    else if (what === "+") sessions.check("s", stream);
    else if (sessions.isTaken("s", stream.ticket)) happened.push(`late ${ticket}`);
    else sessions.enter("s", stream, what === "!");
  }
  return `${happened.join(", ")}; ${sessions.current("s")?.ticket ?? "free"}`;
}

test.each([
  ["a checked stream ends the older one and waits for it", "1! 2! 1-", "end 1, run 2; 2"],
  ["an older request that is accepted late is superseded", "2! 1!", "late 1; 2"],
  ["an unchecked stream ends the older one when it is checked", "1! 2? 2+ 1-", "end 1, run 2; 2"],
  ["a refused stream has ended no other", "1! 2? 2-", "; 1"],
  ["an unchecked stream begins when the older one has ended", "1! 2? 1- 2+", "run 2; 2"],
  ["of several unchecked streams the newest stays", "1! 2? 3? 2- 3+ 1-", "end 2, end 1, run 3; 3"],
  [
    "a checked request between two others runs until the newest is checked",
    "1! 3? 2! 1- 3+ 2-",
    "end 1, run 2, end 2, run 3; 3",
  ],
  ["a stream that begins alone has the session, checked or not", "2? 1!", "late 1; 2"],
  ["a superseded stream that ends late changes nothing", "1! 2! 3! 2- 1-", "end 1, end 2, end 1, run 3; 3"],
  ["a session without streams is forgotten", "1! 1- 1-", "; free"],
])("%s", (_, commands, expected) => {
  expect(run(commands)).toBe(expected);
});

test("sessions are separate, and tickets count up", () => {
  const sessions = createSessionRegistry();
  const stream = { ticket: sessions.drawTicket(), waits: false, supersede: () => {}, proceed: () => {} };
  sessions.enter("s", stream, true);
  expect([sessions.isTaken("t", 0), sessions.current("t"), sessions.size]).toEqual([false, undefined, 1]);
  expect(sessions.drawTicket()).toBeGreaterThan(stream.ticket);
});
