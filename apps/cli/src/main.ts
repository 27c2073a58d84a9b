// The entry of `waggle`. A daemon's command runs that daemon in this process; every other command runs to its end.
import { homedir } from "node:os";
import { daemons } from "./command-loaders.ts";
import { listenForInterrupts } from "./interrupt.ts";

const [name = "", ...words] = process.argv.slice(2);
if (Object.hasOwn(daemons, name)) await daemons[name as keyof typeof daemons](process, words, process.env);
else {
  const interrupts = listenForInterrupts(process);
  const { runProcess } = await import("./run-process.ts");
  await runProcess(process, {
    argv: process.argv.slice(2),
    interrupts,
    env: process.env,
    homeFolder: homedir(),
    entry: { path: process.argv[1] ?? "", execArgv: process.execArgv },
  });
}
