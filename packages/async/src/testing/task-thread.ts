// A thread for tests of isolates. The thread doubles a number. The task `throw` throws an error, `exit` ends the thread, `grow` fills its memory, and
// any other text loops for ever.
import { serveTasks } from "../threads/isolate-thread.ts";

serveTasks((task: number | string): number => {
  if (typeof task === "number") return task * 2;
  if (task === "throw") throw new Error("thrown");
  if (task === "exit") process.exit(0);
  const kept: number[][] = [];
  for (;;) if (task === "grow") kept.push(Array.from({ length: 1_000_000 }, () => 0.5));
});
