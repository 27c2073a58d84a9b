// Owns rendering on the caller's own thread, for who has one that can be ended: nothing else ends a template that takes too long.
import { cpuTimeMs, cpuTimePath } from "./cpu-time.ts";
import { createTaskPerformer } from "./render-task.ts";
import type { TemplateThread, TemplateThreadEvents } from "./template-worker.ts";

/** In place of a thread of the renderer's own. */
export function renderHere({ onReady, onResult }: TemplateThreadEvents): TemplateThread {
  const perform = createTaskPerformer();
  const times = cpuTimePath();
  let ended = false;
  const later = (what: () => void): void => queueMicrotask(() => ended || what());
  later(onReady);
  return {
    perform(task) {
      // As a thread gets them: a template may change what it is given.
      const own = structuredClone(task);
      later(() => onResult(perform(own)));
    },
    cpuMs: () => cpuTimeMs(times),
    async end() {
      ended = true;
    },
  };
}
