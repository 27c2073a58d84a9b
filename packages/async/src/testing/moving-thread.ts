// A thread for tests of isolates. The thread moves the bytes that it gets back, and reports how many of the last task's bytes it still has.
import { serveTasks } from "../threads/isolate-thread.ts";

let last: Uint8Array | undefined;

serveTasks(
  (bytes: Uint8Array<ArrayBuffer>) => {
    const left = last?.length ?? -1;
    last = bytes;
    return { bytes, left };
  },
  ({ bytes }) => [bytes.buffer],
);
