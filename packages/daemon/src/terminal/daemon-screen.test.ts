import { createFakeClock } from "@waggle/testing";
import { expect, it } from "vitest";
import { createDaemonScreen, type DaemonScreen } from "./daemon-screen.ts";
import { createOutput } from "./output.ts";

function screenOn(isTTY: boolean): {
  screen: DaemonScreen;
  clock: ReturnType<typeof createFakeClock>;
  said: () => string;
} {
  let text = "";
  const clock = createFakeClock();
  const stream = { isTTY, columns: 100, write: (more: string) => (text += more) };
  const screen = createDaemonScreen({ out: createOutput(stream, false), clock });
  return {
    screen,
    clock,
    said() {
      const now = text;
      text = "";
      return now;
    },
  };
}

it("the screen shows the daemon's address, and lines to paste after an empty line", () => {
  const { screen, said } = screenOn(true);
  screen.opened({
    title: "Waggle 1.0",
    rows: [
      ["Open", "http://127.0.0.1:7711"],
      ["Mode", "local"],
    ],
    more: [["OpenAI", "OPENAI_BASE_URL=…"]],
  });
  expect(said()).toBe(`
Waggle 1.0

  Open    http://127.0.0.1:7711
  Mode    local

  OpenAI  OPENAI_BASE_URL=…

Ctrl-C stops it.

`);
});

it("the status line counts the seconds of a task; at the end, no line and no timer is left", () => {
  const { screen, clock, said } = screenOn(true);
  screen.progress("Loading Bee", 0);
  expect(said()).toContain("Loading Bee …  0 %");
  clock.advance(2_000);
  screen.progress("Loading Bee", 0.5);
  expect(said()).toContain("Loading Bee …  50 %  2 s");
  screen.ready("Bee is ready.");
  expect(said()).toBe("\r\u001b[2K● Bee is ready.\n");
  clock.advance(5_000);
  expect(said()).toBe("");
});

it("the status line is shown again below other output", () => {
  const { screen, said } = screenOn(true);
  screen.progress("Loading Bee");
  said();
  screen.note("A GPU is not used.");
  expect(said()).toBe("\r\u001b[2K! A GPU is not used.\n\r\u001b[2KLoading Bee …");
});

it("the screen shows the number of running answers, and the effect of a second Ctrl-C", () => {
  const { screen, said } = screenOn(false);
  screen.leaving({ running: 2, limitMs: 30_000, interrupted: true });
  expect(said()).toBe("Finishing 2 running answers (30 s at most). Ctrl-C again stops now.\n");
  screen.cutting(1);
  expect(said()).toBe("Stopping now: 1 answer ends unfinished.\n");
  screen.leaving({ running: 1, limitMs: 30_000, interrupted: false });
  expect(said(), "the key is not pressed").toBe("Finishing 1 running answer (30 s at most).\n");
  screen.leaving({ running: 0, limitMs: 30_000, interrupted: true });
  screen.cutting(0);
  expect(said()).toBe("Stopping.\nStopping now.\n");
});
