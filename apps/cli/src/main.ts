// The command line's entry: `serve` becomes the worker, in this very process; everything else is a command that ends.
import { homedir } from "node:os";
import { hearInterrupts } from "./interrupt.ts";

const [name, ...words] = process.argv.slice(2);
if (name === "serve") {
  const { serve } = await import("@waggle/worker");
  await serve(process, words, process.env);
} else {
  const interrupted = hearInterrupts(process);
  const { runProcess } = await import("./run-process.ts");
  await runProcess(process, {
    argv: process.argv.slice(2),
    interrupted,
    env: process.env,
    homeFolder: homedir(),
    entry: { path: process.argv[1] ?? "", execArgv: process.execArgv },
  });
}
