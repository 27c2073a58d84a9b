// The command line's entry: `serve` becomes the worker, in this very process; everything else is a command that ends.
import { homedir } from "node:os";

const [name, ...words] = process.argv.slice(2);
if (name === "serve") {
  const { serve } = await import("@waggle/worker");
  await serve(process, words, process.env);
} else {
  const { runProcess } = await import("./run-process.ts");
  await runProcess(process, {
    argv: process.argv.slice(2),
    env: process.env,
    homeFolder: homedir(),
    entry: { path: process.argv[1] ?? "", execArgv: process.execArgv },
  });
}
