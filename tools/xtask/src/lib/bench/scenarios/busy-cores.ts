// Owns the case of neighbours: something else wants every core while streams run.
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { streamFigures } from "../figures.ts";
import { sideBySide, type Scenario } from "../scenario.ts";

const promptTokens = 32;
const levels = [1, 8];

export const busyCores: Scenario = {
  name: "busy-cores",
  about: "as many busy processes as there are cores compute beside the streams",
  cases: ({ maxTokens }) =>
    levels.map((streams) => ({
      label: `${streams} ${streams === 1 ? "stream" : "streams"}, cores busy`,
      contextTokens: promptTokens + maxTokens + 1,
      disturb: keepCoresBusy,
      play: async (stage) => streamFigures(await sideBySide(stage, streams, promptTokens, maxTokens)),
    })),
};

/** Each ends with its standard input, so that none outlives this process. */
const busyScript =
  "process.stdin.resume().on('close', () => process.exit()); setInterval(() => { for (const end = Date.now() + 50; Date.now() < end;); }, 0);";

function keepCoresBusy(): Disposable {
  const neighbours = Array.from({ length: availableParallelism() }, () =>
    spawn(process.execPath, ["--eval", busyScript], { stdio: ["pipe", "ignore", "ignore"] }),
  );
  return {
    [Symbol.dispose]() {
      for (const neighbour of neighbours) neighbour.kill("SIGKILL");
    },
  };
}
