// A thread for tests of isolates: doubles a number; on a text it throws, exits, fills its memory, or loops for ever.
import { serveTasks } from "../threads/isolate-thread.ts";

serveTasks((task: number | string): number => {
  if (typeof task === "number") return task * 2;
  if (task === "throw") throw new Error("thrown");
  if (task === "exit") process.exit(0);
  const kept: number[][] = [];
  for (;;) if (task === "grow") kept.push(Array.from({ length: 1_000_000 }, () => 0.5));
});
