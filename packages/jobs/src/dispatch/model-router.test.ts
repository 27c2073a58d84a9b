import { expect, test } from "vitest";
import type { Dispatcher } from "./dispatcher-port.ts";
import type { JobSpec } from "../job/job-spec.ts";
import { createModelRouter } from "./model-router.ts";

test("a host is idle after a submission that threw an error", async () => {
  const refuse = (): never => {
    throw new Error("Cannot make room");
  };
  const dispatcher = { submit: refuse, idle: () => Promise.resolve() } as unknown as Dispatcher;
  const host = { dispatcher, registry: { liveCount: 0 } };
  for (const onWanted of [refuse, () => {}]) {
    const router = createModelRouter({
      hosts: () => [host],
      hostOf: () => host,
      onWanted,
      onAccepted: () => {},
      onSettled: () => {},
    });
    expect(() => router.submit({ model: "m" } as JobSpec)).toThrow("Cannot make room");
    const isIdle = await Promise.race([
      router.idle(host).then(() => "idle"),
      new Promise(setImmediate).then(() => "busy"),
    ]);
    expect(isIdle).toBe("idle");
  }
});
